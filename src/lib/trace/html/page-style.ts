/** The trace page's own style sheet, on the palette of all pages: one layout from 1,100 px of width on. */
export const PAGE_STYLE = `
.connections, .ends { background: var(--panel); border: 1px solid var(--line); border-radius: 8px; margin-bottom: 12px;
  overflow: auto; }
.connections { max-height: 240px; }
td { white-space: normal; overflow-wrap: anywhere; min-width: 60px; }
.connections thead th { position: sticky; top: 0; background: var(--panel); }
.connections tbody tr { cursor: pointer; }
.connections tbody tr:hover { background: var(--grid); }
.connections tr[aria-selected] { background: var(--selected); }
.end-name { font-weight: 600; }
.end-name.client { color: var(--client); }
.end-name.server { color: var(--server); }

.diagrams { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 20px; align-items: start; }
.ladder-side { position: sticky; top: 8px; display: flex; flex-direction: column; height: calc(100vh - 16px);
  min-height: 420px; border: 1px solid var(--line); border-radius: 8px; background: var(--panel); overflow: hidden; }
.ladder-head { display: flex; justify-content: space-between; align-items: center; gap: 8px; padding: 8px 12px;
  border-bottom: 1px solid var(--line); font-size: 13px; }
.ladder-head .server { text-align: right; }
.toolbar { display: inline-flex; gap: 5px; align-items: center; }
.plot-toolbar { display: flex; flex-wrap: wrap; position: sticky; top: 0; z-index: 5; padding: 8px 0; background: var(--paper); }
.ladder { flex: 1; overflow: hidden scroll; }
.ladder:focus-visible { outline-offset: -2px; }
.ladder-spacer { position: relative; overflow: hidden; min-height: 100%; }
.ladder-canvas { position: absolute; left: 0; top: 0; display: block; }
.ladder-canvas text { font: 11px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: var(--ink); }
.ladder-canvas .time, .gap text { text-anchor: end; fill: var(--muted); }
.ladder-canvas .gap text { font-size: 10px; opacity: 0.9; }
.lifeline { stroke: var(--muted); stroke-width: 1.5; }
.gap line { stroke: var(--panel); stroke-width: 3; stroke-dasharray: 3 4; }
.row { cursor: pointer; }
.row:hover .caption, .row:hover .note-text { font-weight: 600; }
.selection { fill: var(--selected); }
.arrow { stroke: var(--segment); stroke-width: 1.4; }
.bare .arrow { stroke: var(--muted); stroke-width: 1; }
.again .arrow { stroke: var(--again); stroke-width: 1.8; }
.dropped .arrow { stroke: var(--again); stroke-dasharray: 5 3; }
.cross { stroke: var(--again); stroke-width: 2.2; fill: none; }
.head.plain { fill: var(--segment); }
.head.again, .head.dropped { fill: var(--again); }
.ladder-canvas .caption { text-anchor: middle; }
.ladder-canvas tspan.flags { font-weight: 600; }
.ladder-canvas .bare tspan.flags, .ladder-canvas tspan.numbers { fill: var(--muted); }
.ladder-canvas .data tspan.numbers { fill: var(--ink); }
.ladder-canvas tspan.label { fill: var(--again); font-weight: 600; }
.ladder-canvas tspan.sack { fill: var(--sack); }
.ladder-canvas tspan.command { fill: var(--command); font-weight: 600; }
.note-box { fill: var(--grid); stroke: none; }
.note-dot { fill: var(--muted); }
.state .note-box { fill: color-mix(in srgb, var(--accent) 16%, var(--panel)); }
.state .note-dot { fill: var(--accent); }
.congestion .note-box { fill: color-mix(in srgb, var(--sack) 18%, var(--panel)); }
.congestion .note-dot { fill: var(--sack); }
.drop .note-box, .retransmit .note-box { fill: color-mix(in srgb, var(--again) 16%, var(--panel)); }
.ladder-canvas .not-sent .note-text { fill: var(--muted); }

.details { border-top: 1px solid var(--line); padding: 8px 12px; height: 156px; overflow: auto; font-size: 12px; }
.details p { margin: 0; }
.details dl { display: flex; flex-wrap: wrap; gap: 3px 18px; margin: 0; }
.details dl div { display: flex; gap: 6px; min-width: 0; }
.details dt { color: var(--muted); white-space: nowrap; }
.details dd { margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }

.plot { border: 1px solid var(--line); border-radius: 8px; background: var(--panel); overflow: hidden; }
.plots { min-width: 0; }
.uplot { width: 100%; }
.u-legend { font-size: 11.5px; text-align: left; margin: 0; padding: 0 8px 4px; color: var(--ink);
  font-variant-numeric: tabular-nums; }
.u-legend th { font-weight: 500; }
.u-inline tr { margin-right: 8px; }
.u-legend .u-value { min-width: 46px; }
.u-series > * { padding: 1px 3px; }
.u-select { background: color-mix(in srgb, var(--accent) 22%, transparent); }
.u-hz .u-cursor-x, .u-vt .u-cursor-y { border-right-color: var(--muted); }
.u-hz .u-cursor-y, .u-vt .u-cursor-x { border-bottom-color: var(--muted); }

.figures { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 20px; }
.state-figure { margin: 0; border: 1px solid var(--line); border-radius: 8px; background: var(--panel); padding: 10px; }
.state-figure figcaption { font-size: 12px; color: var(--muted); margin-bottom: 6px; min-height: 3em; }
.states { width: 100%; max-width: 820px; height: auto; display: block; margin: 0 auto; }
.states text { font: 11px system-ui, sans-serif; text-anchor: middle; fill: var(--muted); }
.edge line, .edge path { stroke: var(--line); stroke-width: 1.4; fill: none; }
.states .head.plain { fill: var(--line); }
.edge text { fill: var(--muted); opacity: 0.8; }
.edge .action { font-style: italic; }
.taken line, .taken path { stroke: var(--accent); stroke-width: 2.6; }
.states .head.taken { fill: var(--accent); stroke: none; }
.taken.other path { stroke-dasharray: 6 4; }
.taken text { fill: var(--ink); opacity: 1; }
.badge rect { fill: var(--accent); }
.states .badge text { fill: var(--panel); font-weight: 700; }
.node rect { fill: var(--paper); stroke: var(--line); stroke-width: 1.4; }
.states .node text { font-weight: 500; font-size: 12.5px; }
.node.visited rect { fill: color-mix(in srgb, var(--accent) 14%, var(--panel)); stroke: var(--accent); stroke-width: 2; }
.states .node.visited text { fill: var(--ink); font-weight: 650; }
.states .node.visited text.time { fill: var(--muted); font-weight: 400; font-size: 11px; }
.node.current rect { stroke-width: 3.4; }

@media (max-width: 1099px) {
  .diagrams, .figures { grid-template-columns: minmax(0, 1fr); }
  .ladder-side { position: static; height: 80vh; }
}
@media (min-width: 1700px) {
  .diagrams { grid-template-columns: minmax(0, 5fr) minmax(0, 6fr); }
}
`;
