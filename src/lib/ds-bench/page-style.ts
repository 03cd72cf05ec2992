/** The ds-bench page's own style sheet, on the palette of all pages. */
export const PAGE_STYLE = `
main { max-width: 1280px; }
:root { --rtcp: #1f5fbf; --other-0: #d08a00; --other-1: #0b8a4d; --other-2: #9b4fd0; --other-3: #cf2436; }
@media (prefers-color-scheme: dark) {
  :root { --rtcp: #7fb2ff; --other-0: #f0b44a; --other-1: #4ecb86; --other-2: #c792f5; --other-3: #ff6b78; }
}
.structure { background: var(--panel); border: 1px solid var(--line); border-radius: 8px; padding: 4px 18px 16px; margin: 16px 0; }
.structure h2 { margin: 12px 0 2px; }
.structure h2 .hint { margin-left: 10px; font-size: 13px; }
.scroll { overflow-x: auto; }
td.figure, th.figure { text-align: right; }
td.ratio { color: var(--muted); }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 8px 0; font-size: 12px; }
.swatch { display: inline-block; width: 10px; height: 10px; border-radius: 2px; margin-right: 6px; }
.bars { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 6px 14px; align-items: center; font-size: 12px; }
.bars .name { text-align: right; color: var(--muted); }
.bar { display: flex; align-items: center; gap: 8px; height: 13px; }
.bar i { display: block; height: 9px; border-radius: 0 2px 2px 0; min-width: 1px; }
.bar span { white-space: nowrap; font-variant-numeric: tabular-nums; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 520px), 1fr)); gap: 8px 24px; }
.u-legend { font-size: 12px; color: var(--ink); }
summary { cursor: pointer; color: var(--accent); margin: 8px 0; }
nav { display: flex; flex-wrap: wrap; gap: 4px 14px; margin: 10px 0; }
nav a { color: var(--accent); text-decoration: none; }
nav a:hover { text-decoration: underline; }
`;
