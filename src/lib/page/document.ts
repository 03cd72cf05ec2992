/**
 * A report as one HTML file that asks for nothing: its data, its script, uPlot and its styles are inside. Its Content Security
 * Policy allows exactly the scripts and styles that were put in, by their hashes, and no connection, so that nothing that came
 * from a network into the data can run or report; the data is JSON that can't end its element, and the page's code writes text
 * only as text.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { linkScripts } from './link-scripts.ts';
import { PALETTE_STYLE } from './palette.ts';

export interface PageParts {
  readonly title: string;
  /** What the page shows; its script finds it as JSON in the element with the id `data`. */
  readonly data: unknown;
  /** Style sheet beside the palette's. */
  readonly style: string;
  /** The module that the page's script begins with, without its extension. It fills the element with the id `page`. */
  readonly script: URL;
}

/** Throws what node:fs throws when the installation is not whole. */
export function pageDocument({ title, data, style, script }: PageParts): string {
  const plots = dirname(createRequire(import.meta.url).resolve('uplot'));
  const styles = [readFileSync(join(plots, 'uPlot.min.css'), 'utf8'), PALETTE_STYLE, style];
  const scripts = [readFileSync(join(plots, 'uPlot.iife.min.js'), 'utf8'), linkScripts(script)];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy(styles, scripts)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeText(title)}</title>
${styles.map((sheet) => `<style>${sheet}</style>`).join('\n')}
</head>
<body>
<noscript>This page draws its diagrams with the script that it brings along: allow it to run.</noscript>
<main id="page"></main>
<script type="application/json" id="data">${embeddedJson(data)}</script>
${scripts.map((text) => `<script>${text}</script>`).join('\n')}
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
