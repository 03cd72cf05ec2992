/**
 * The page in a browser: Chromium opens what was written for a transfer over a bad line, and for keys that try to be markup.
 * The oracle is the trace itself, which another sink of the same follower kept.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BufferSource } from '../../src/lib/link/pcap-reader.ts';
import { embeddedJson } from '../../src/lib/page/document.ts';
import { followCapture } from '../../src/lib/trace/capture-source.ts';
import { Follower } from '../../src/lib/trace/follower.ts';
import { PageOutput } from '../../src/lib/trace/html/page-output.ts';
import type { SegmentEvent, TraceEvent } from '../../src/lib/trace/model.ts';
import { ConnectionSummary, EndSummary } from '../../src/lib/trace/model.ts';
import { Recorder, write } from '../tcp/pair.ts';
import { CapturedPair, pour } from './captured-pair.ts';
import { Collected } from './collected.ts';
import { randomBytes, samePorts } from './scenarios.ts';
import { traceFromInside } from './traced-server.ts';

const MARKUP = '</script><img/src=x/onerror=document.title="owned"><!--';
const SETS = 20;
const BLOB_BYTES = 300_000;

/** Chromium of the machine: Debian's package. */
function chromiumPath(): string {
  try {
    return execFileSync('which', ['chromium'], { encoding: 'utf8' }).trim();
  } catch (error) {
    throw new Error('the page is tested in Chromium, which is not installed: apt-get install chromium', {
      cause: error,
    });
  }
}

/** A client SETs keys that look like markup, and GETs a large value, over a line that loses and repeats. */
function lossyDownload(pair: CapturedPair): void {
  const served = new Recorder();
  served.data = (stream) => {
    const asked = Buffer.concat(served.chunks.splice(0)).toString();
    if (!asked.includes('GET')) return void write(stream, Buffer.from('+OK\r\n'));
    const reply = Buffer.concat([Buffer.from(`$${BLOB_BYTES}\r\n`), randomBytes(1, BLOB_BYTES), Buffer.from('\r\n')]);
    pour(served.opened[0], served, reply);
  };
  served.end = (stream) => stream.end();
  pair.server.tcp.listen(6379, served);
  const asked = new Recorder();
  const ask = (...words: string[]): void => {
    const bulks = words.map((word) => `$${word.length}\r\n${word}\r\n`);
    write(asked.opened[0], Buffer.from(`*${words.length}\r\n${bulks.join('')}`));
  };
  let sets = 0;
  let received = 0;
  const set = (): void => {
    sets++;
    ask('SET', `${MARKUP}${sets}`, '<b>bold</b>');
  };
  asked.open = set;
  asked.data = (stream, _offset, length) => {
    received += length;
    if (sets < SETS) set();
    else if (received === SETS * '+OK\r\n'.length) ask('GET', 'blob');
    else if (received > BLOB_BYTES) stream.end();
  };
  pair.connect(6379, asked);
  pair.run(100_000_000, () => asked.closes.length + served.closes.length === 2);
}

/** A connection of one end that sends `count` segments, without any stack. */
function longTrace(output: PageOutput, count: number): void {
  const summary = new ConnectionSummary(
    1,
    new EndSummary('192.0.2.1', 5000, 1),
    new EndSummary('192.0.2.2', 80, 1),
    null,
    false,
    1,
  );
  const segment: Omit<SegmentEvent, 'tUs' | 'frame' | 'seq'> = {
    kind: 'segment',
    connection: 1,
    from: 'client',
    flags: 'ACK',
    ack: 1,
    lengthBytes: 100,
    windowBytes: 5000,
    sack: null,
    options: [],
    tsVal: null,
    tsEcr: null,
    labels: [],
    duplicateNumber: 0,
    duplicateOf: 0,
    rttUs: null,
    inFlightBytes: 100,
    commands: [],
    own: null,
  };
  for (let i = 0; i < count; i++) output.event({ ...segment, tUs: 1e9 + i * 50, frame: i + 1, seq: 1 + i * 100 });
  const folded = { connections: 0, segments: 0, bytes: 0, retransmits: 0 };
  output.end([summary], { frames: count, ignored: new Map(), lostEvents: 7, folded });
}

const folder = mkdtempSync(join(tmpdir(), 'rtcp-page-'));
let browser: Browser;
/** What the page said, asked for, or threw. */
const complaints: string[] = [];

/** Opens a page of `html`; whatever it asks for beyond itself, and whatever it complains about, is kept. */
async function open(name: string, html: string): Promise<Page> {
  const url = `file://${join(folder, name)}`;
  writeFileSync(join(folder, name), html);
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  page.on('console', (message) => void complaints.push(`console: ${message.text()}`));
  page.on('pageerror', (error) => void complaints.push(`error: ${error.message}`));
  page.on('request', (request) => {
    if (request.url() !== url) complaints.push(`request: ${request.url()}`);
  });
  await page.goto(url);
  return page;
}

beforeAll(async () => {
  browser = await chromium.launch({ executablePath: chromiumPath(), args: ['--no-sandbox'] });
});

afterAll(async () => {
  await browser.close();
  rmSync(folder, { recursive: true });
});

describe('a lossy transfer with a hostile key', () => {
  const collected = new Collected();
  let html = '';
  let page: Page;

  beforeAll(async () => {
    const conditions = { delayUs: 10_000, loss: 0.03, duplicate: 0.2, bitsPerSecond: 20_000_000 };
    const pair = new CapturedPair({ seed: 41, conditions });
    const output = new PageOutput((written) => (html = written), { source: `<i>${MARKUP}</i>` });
    traceFromInside(pair, () => lossyDownload(pair), [output, collected]);
    page = await open('lossy.html', html);
  });

  test('nothing of it is markup, in the file or in the page', async () => {
    expect(html).not.toContain('<img');
    expect(html).not.toContain('<b>bold');
    expect(html.match(/<script\b/g)).toHaveLength(3);
    expect(html.match(/<\/script>/g)).toHaveLength(3);
    expect(await page.locator('img').count()).toBe(0);
    expect(await page.title()).toBe(`TCP trace: <i>${MARKUP}</i>`);
    expect(await page.locator('h1').textContent()).toContain(MARKUP);
    const carrier = collected.of('segment').find(({ commands }) => commands.some((text) => text.includes('<img')));
    await page.locator('.row .command', { hasText: 'SET' }).first().click();
    expect(await page.locator('.details').textContent()).toContain(carrier?.commands[0]);
  });

  test('the ladder has every segment, those sent again and those not used marked', async () => {
    const seen = await page.evaluate(async () => {
      const found: Record<string, string> = {};
      const ladder = document.querySelector('.ladder') as HTMLElement;
      for (ladder.scrollTop = 0; ; ladder.scrollTop += 300) {
        await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
        for (const row of ladder.querySelectorAll('.row')) {
          found[row.getAttribute('data-row') ?? ''] = row.getAttribute('class') ?? '';
        }
        if (ladder.scrollTop + ladder.clientHeight >= ladder.scrollHeight) return Object.values(found);
      }
    });
    const withClass = (name: string): number => seen.filter((names) => names.split(' ').includes(name)).length;
    expect(withClass('segment')).toBe(collected.of('segment').length);
    expect(withClass('state')).toBe(collected.of('state').length);
    expect(withClass('congestion')).toBe(collected.of('congestion').length);
    expect(withClass('dropped')).toBe(collected.of('drop').length);
    expect(collected.of('drop').length).toBeGreaterThan(0);
    expect(collected.of('retransmit').length).toBeGreaterThan(0);
    expect(withClass('again')).toBeGreaterThanOrEqual(collected.of('retransmit').length);
  });

  test('the retransmissions say why', async () => {
    const [first] = collected.of('retransmit');
    await page.locator('.ladder').focus();
    await page.keyboard.press('Home');
    for (let presses = 0; presses < 50; presses++) {
      await page.keyboard.press('n');
      if ((await page.locator('.details').textContent())?.includes('sent again')) break;
    }
    expect(await page.locator('.details').textContent()).toContain(`${first.reason}: ${first.rule}`);
    expect(await page.locator('.row .selection').count()).toBe(1);
  });

  test('every plot has something drawn into it', async () => {
    const colours = await page.evaluate(() =>
      [...document.querySelectorAll<HTMLCanvasElement>('.plot canvas')].map((canvas) => {
        const context = canvas.getContext('2d') as CanvasRenderingContext2D;
        const pixels = new Uint32Array(context.getImageData(0, 0, canvas.width, canvas.height).data.buffer);
        return new Set(pixels).size;
      }),
    );
    expect(colours).toHaveLength(5); // two directions, windows, times, goodput
    for (const count of colours) expect(count).toBeGreaterThan(10);
  });

  test('a drag zooms all plots, keys zoom, move and show everything again', async () => {
    const range = async (): Promise<number[]> =>
      ((await page.locator('.plots').getAttribute('data-range')) ?? '').split(' ').map(Number);
    const pictures = (): Promise<string[]> =>
      page.evaluate(() =>
        [...document.querySelectorAll<HTMLCanvasElement>('.plot canvas')].map((canvas) => canvas.toDataURL()),
      );
    await page.getByRole('button', { name: 'Everything (double click)' }).click();
    const [whole, before] = [await range(), await pictures()];
    const over = page.locator('.plot .u-over').first();
    await over.scrollIntoViewIfNeeded();
    const box = (await over.boundingBox()) as { x: number; y: number; width: number; height: number };
    await page.mouse.move(box.x + box.width * 0.25, box.y + 50);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.5, box.y + 60, { steps: 4 });
    await page.mouse.up();
    const zoomed = await range();
    const span = whole[1] - whole[0];
    expect((zoomed[0] - whole[0]) / span).toBeCloseTo(0.25, 1);
    expect((zoomed[1] - whole[0]) / span).toBeCloseTo(0.5, 1);
    const after = await pictures();
    expect(after.map((picture, index) => picture === before[index])).toEqual([false, false, false, false, false]);
    await page.locator('.plot').first().focus();
    await page.keyboard.press('+');
    const closer = await range();
    expect(closer[1] - closer[0]).toBeCloseTo((zoomed[1] - zoomed[0]) / 2, 6);
    await page.keyboard.press('ArrowRight');
    expect((await range())[0]).toBeGreaterThan(closer[0]);
    await page.keyboard.press('0');
    expect(await range()).toEqual(whole);
  });

  test('a click into a plot selects an event in the ladder', async () => {
    const segments = collected.of('segment');
    const wanted = (segments[segments.length >> 1].tUs - collected.events[0].tUs) / 1e6;
    const [from, until] = ((await page.locator('.plots').getAttribute('data-range')) ?? '').split(' ').map(Number);
    const over = page.locator('.plot .u-over').nth(2);
    const { width } = (await over.boundingBox()) as { width: number };
    await over.click({ position: { x: ((wanted - from) / (until - from)) * width, y: 30 } });
    const selected = page.locator('.row:has(.selection)');
    expect(await selected.count()).toBe(1);
    const pixelSeconds = (until - from) / width;
    expect(Math.abs(Number(await selected.locator('.time').textContent()) - wanted)).toBeLessThan(2 * pixelSeconds);
  });

  test('the states on the way are highlighted, in both diagrams', async () => {
    const [{ client, server }] = collected.connections;
    for (const [index, end] of [client, server].entries()) {
      const figure = page.locator('.state-figure').nth(index);
      const visited = await figure
        .locator('.node.visited')
        .evaluateAll((nodes) => nodes.map((node) => node.getAttribute('data-state')));
      expect(new Set(visited)).toEqual(new Set(end.path));
      expect(await figure.locator('.edge.taken').count()).toBe(end.path.length - 1);
      expect(await figure.locator('.node').count()).toBe(12); // 11 states, CLOSED twice
    }
  });

  test('it fits from 1,280 to 1,920 pixels, in light and dark', async () => {
    const papers = new Set<string>();
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      papers.add(await page.evaluate(() => getComputedStyle(document.body).backgroundColor));
      for (const width of [1280, 1600, 1920]) {
        await page.setViewportSize({ width, height: 900 });
        expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
      }
    }
    expect(papers.size).toBe(2);
  });

  test('it complained about nothing and asked for nothing', () => {
    expect(complaints).toEqual([]);
  });
});

test('of several connections each can be chosen; a reset is a step beside the figure', async () => {
  let html = '';
  const capture = samePorts().capture('client');
  const follower = new Follower({ sinks: [new PageOutput((written) => (html = written))] });
  followCapture(new BufferSource(capture), follower);
  follower.end();
  const page = await open('several.html', html);
  expect(await page.locator('.connections tbody tr').count()).toBe(3);
  const chosen = page.locator('.connections tr[aria-selected]');
  expect(await chosen.locator('button').textContent()).toBe('#1');
  expect(await page.locator('.edge.taken.other').count()).toBe(0);
  await page.getByRole('button', { name: '#2' }).press('Enter');
  expect(await chosen.locator('button').textContent()).toBe('#2');
  expect(await page.locator('.diagrams').count()).toBe(1);
  expect(await page.locator('.row .flags', { hasText: 'RST' }).count()).toBe(1);
  expect(await page.locator('.edge.taken.other').count()).toBe(1); // SYN-RECEIVED to CLOSED
  expect(complaints).toEqual([]);
});

test('of a long trace the first and the last events are in the page, which says so and draws only what is in sight', async () => {
  let html = '';
  longTrace(new PageOutput((written) => (html = written), { maxEvents: 50_000 }), 60_000);
  const page = await open('long.html', html);
  const warnings = await page.locator('.warning').allTextContents();
  expect(warnings.join(' ')).toContain('10000 events');
  expect(warnings.join(' ')).toContain('7 events lost');
  expect(await page.locator('.row').count()).toBeLessThan(100);
  await page.locator('.ladder').focus();
  await page.keyboard.press('End');
  expect(await page.locator('.row').last().getAttribute('data-row')).toBe('49999');
  expect(await page.locator('.details').textContent()).toContain('60000');
  expect(complaints).toEqual([]);
});

test('a trace without connections is a page that says it', async () => {
  let html = '';
  const output = new PageOutput((written) => (html = written));
  const folded = { connections: 0, segments: 0, bytes: 0, retransmits: 0 };
  const lost: TraceEvent = { kind: 'lost', tUs: 0, connection: 0, frame: 0, count: 3 };
  output.event(lost);
  output.end([], { frames: 0, ignored: new Map(), lostEvents: 3, folded });
  const page = await open('empty.html', html);
  expect((await page.locator('.warning').allTextContents()).at(-1)).toBe('No TCP connection was seen.');
  expect(complaints).toEqual([]);
});

test('embedded data can not end its element, and is the data', () => {
  const data = { text: MARKUP, lines: 'a\u2028b\u2029c', more: ['<!--<script>', '&lt;'] };
  const text = embeddedJson(data);
  expect(text).not.toContain('<');
  expect(JSON.parse(text)).toEqual(data);
});
