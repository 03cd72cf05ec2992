/**
 * The page's HTML: one file that asks for nothing. Its Content Security Policy allows exactly the scripts and styles that were
 * put in, by their hashes, and no connection, so that nothing that the network wrote into a command or a name can run or
 * report; the data is JSON that can't end its element, and the page's code writes text only as text.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { linkScripts } from './link-scripts.ts';
import type { PageData } from './page-data.ts';
import { PAGE_STYLE } from './page-style.ts';

/** Throws what node:fs throws when the installation is not whole. */
export function pageDocument(data: PageData): string {
  const plots = dirname(createRequire(import.meta.url).resolve('uplot'));
  const styles = [readFileSync(join(plots, 'uPlot.min.css'), 'utf8'), PAGE_STYLE];
  const scripts = [readFileSync(join(plots, 'uPlot.iife.min.js'), 'utf8'), linkScripts('page/main')];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy(styles, scripts)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>TCP trace${data.source === '' ? '' : `: ${escapeText(data.source)}`}</title>
${styles.map((style) => `<style>${style}</style>`).join('\n')}
</head>
<body>
<noscript>This page draws its diagrams with the script that it brings along: allow it to run.</noscript>
<main id="page"></main>
<script type="application/json" id="trace">${embeddedJson(data)}</script>
${scripts.map((script) => `<script>${script}</script>`).join('\n')}
</body>
</html>
`;
}

/** JSON that can stand inside a script element: no `<`, so neither `</script` nor `<!--`. */
export function embeddedJson(data: unknown): string {
  return JSON.stringify(data).replaceAll('<', '\\u003c');
}

function policy(styles: readonly string[], scripts: readonly string[]): string {
  const hashes = (texts: readonly string[]): string =>
    texts.map((text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`).join(' ');
  return `default-src 'none'; style-src ${hashes(styles)}; script-src ${hashes(scripts)}; base-uri 'none'; form-action 'none'`;
}

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
