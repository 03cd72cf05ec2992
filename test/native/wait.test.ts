/** Sleeping and waking: microsecond deadlines, signals from another thread, descriptors. */
import { execFileSync } from 'node:child_process';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { pinThread, processCpuUs, threadCpuUs } from '../../src/lib/native/process.ts';
import { closeFd, createEventfd, drain, READY, signal, WOKEN, waitCalls } from '../../src/lib/native/wait.ts';

let wake: number;
beforeEach(() => {
  wake = createEventfd();
});
afterEach(() => closeFd(wake));

const elapsedUs = (action: () => void): number => {
  const start = performance.now();
  action();
  return (performance.now() - start) * 1000;
};

describe('wait', () => {
  test('sleeps as long as it was told, to the microsecond below a millisecond', () => {
    const { wait } = waitCalls();
    const shortest = Math.min(...Array.from({ length: 20 }, () => elapsedUs(() => wait(-1, -1, 300))));
    expect(shortest).toBeGreaterThanOrEqual(300);
    expect(shortest).toBeLessThan(900); // poll() would have slept a millisecond
    expect(wait(-1, wake, 0)).toBe(0);
  });

  test('a signal ends it once', () => {
    const { wait } = waitCalls();
    signal(wake);
    signal(wake);
    expect(wait(-1, wake, -1)).toBe(WOKEN);
    expect(wait(-1, wake, 0)).toBe(0);
    signal(wake);
    expect(drain(wake)).toBe(1);
    expect(drain(wake)).toBe(0);
  });

  test('a readable descriptor ends it, and stays readable', () => {
    const { wait } = waitCalls();
    const other = createEventfd();
    signal(other);
    signal(wake);
    expect(wait(other, wake, -1)).toBe(READY | WOKEN);
    expect(wait(other, wake, -1)).toBe(READY);
    closeFd(other);
  });

  test('another thread wakes a sleeper', async () => {
    const module = new URL('../../src/lib/native/wait.ts', import.meta.url).href;
    const worker = new Worker(
      `const { workerData, parentPort } = require('node:worker_threads');
       import('${module}').then(({ waitCalls }) => {
         parentPort.postMessage('ready');
         parentPort.postMessage(waitCalls().wait(-1, workerData, 10_000_000));
       });`,
      { eval: true, workerData: wake },
    );
    const messages: unknown[] = [];
    await new Promise<void>((resolve) => {
      worker.on('message', (message) => {
        messages.push(message);
        if (message === 'ready') setTimeout(() => signal(wake), 20);
        else resolve();
      });
    });
    await worker.terminate();
    expect(messages).toEqual(['ready', WOKEN]);
  });
});

test('CPU time counts work and not sleep', () => {
  const thread = threadCpuUs();
  const whole = processCpuUs();
  waitCalls().wait(-1, -1, 50_000);
  expect(threadCpuUs() - thread).toBeLessThan(25_000);
  const end = performance.now() + 60;
  while (performance.now() < end);
  expect(threadCpuUs() - thread).toBeGreaterThan(5000);
  expect(processCpuUs() - whole).toBeGreaterThanOrEqual(5000);
});

test('a thread can be bound to a CPU, and not to one that does not exist', () => {
  const script = `const { pinThread } = await import('${new URL('../../src/lib/native/process.ts', import.meta.url).href}');
    pinThread(0);
    console.log(require('node:fs').readFileSync('/proc/thread-self/status', 'utf8').match(/Cpus_allowed_list:\\s*(.*)/)[1]);`;
  const output = execFileSync(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `import { createRequire } from 'node:module'; const require = createRequire('/'); ${script}`,
    ],
    { encoding: 'utf8' },
  );
  expect(output.trim()).toBe('0');
  expect(() => pinThread(100_000)).toThrow(/run on CPU 100000 only.*EINVAL/);
});
