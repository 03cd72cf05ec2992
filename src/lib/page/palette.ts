/** What all pages share: a light and a dark palette, type, headings, tables, buttons. */
export const PALETTE_STYLE = `
:root {
  color-scheme: light dark;
  --paper: #fbfbfa; --panel: #ffffff; --ink: #1c2126; --muted: #66707a; --line: #dcdfe3; --grid: #ebedf0;
  --selected: #fff3c4; --selection-line: #c58a00; --accent: #1f5fbf;
  --client: #1f5fbf; --server: #0b7a5a; --segment: #27313b; --again: #cf2436; --sack: #9b4fd0; --ack: #0b8a4d;
  --window: #d08a00; --cwnd: #1f5fbf; --ssthresh: #cf2436; --flight: #0b8a4d; --event: #b39ad0; --command: #00738a;
  --warning: #fff1d6;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171b; --panel: #1b1f24; --ink: #e4e8ec; --muted: #94a0ab; --line: #333a42; --grid: #282e35;
    --selected: #4a3f16; --selection-line: #f0b93a; --accent: #7fb2ff;
    --client: #7fb2ff; --server: #4fd0a5; --segment: #cdd6df; --again: #ff6b78; --sack: #c792f5; --ack: #4ecb86;
    --window: #f0b44a; --cwnd: #7fb2ff; --ssthresh: #ff6b78; --flight: #4ecb86; --event: #7d66a0; --command: #58c7dc;
    --warning: #43351a;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 14px/1.45 system-ui, sans-serif; }
main { padding: 16px 20px 40px; max-width: 2200px; margin: 0 auto; }
h1 { font-size: 22px; margin: 0; }
h1 .source { color: var(--muted); font-weight: 500; margin-left: 12px; overflow-wrap: anywhere; }
h2 { font-size: 16px; margin: 24px 0 8px; }
h3 { font-size: 13px; margin: 10px 0 2px; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.hint { color: var(--muted); font-weight: 400; font-size: 12px; }
.facts { margin: 2px 0 10px; color: var(--muted); display: flex; flex-wrap: wrap; gap: 0 18px; }
.warning { background: var(--warning); border-left: 4px solid var(--window); padding: 6px 10px; margin: 6px 0; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
button { font: inherit; font-size: 12px; color: var(--ink); background: var(--panel); border: 1px solid var(--line);
  border-radius: 5px; padding: 2px 9px; cursor: pointer; }
button:hover { border-color: var(--accent); }
table { border-collapse: collapse; width: 100%; font-size: 13px; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 5px 12px; white-space: nowrap; }
thead th { color: var(--muted); font-weight: 500; font-size: 12px; border-bottom: 1px solid var(--line); }
tbody th { font-weight: 400; }
`;
