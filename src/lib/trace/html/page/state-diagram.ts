/**
 * The state diagram of RFC 9293 §3.3.2, figure 5, as it is drawn there: opening on top, closing by ourselves on the left,
 * closing by the peer on the right. The way that an end took is numbered in its order; a step that the figure does not have
 * (a reset, a time-out) is a dashed line.
 */
import { formatDurationUs } from '../../../cli/units.ts';
import { drawing, element } from '../../../page/scripts/elements.ts';
import type { EndDocument } from '../../json-output.ts';

const WIDTH = 680;
const HEIGHT = 640;
const BOX_WIDTH = 126;
const BOX_HEIGHT = 40;

type Point = readonly [x: number, y: number];

/** The figure has CLOSED twice: where it begins and where it ends. */
const END = 'CLOSED at the end';
const NODES: Readonly<Record<string, Point>> = {
  CLOSED: [340, 28],
  LISTEN: [340, 124],
  'SYN-RECEIVED': [120, 216],
  'SYN-SENT': [560, 216],
  ESTABLISHED: [340, 310],
  'FIN-WAIT-1': [120, 404],
  'CLOSE-WAIT': [560, 404],
  'FIN-WAIT-2': [90, 508],
  CLOSING: [330, 508],
  'LAST-ACK': [560, 508],
  'TIME-WAIT': [330, 606],
  [END]: [560, 606],
};

interface Edge {
  readonly from: string;
  readonly to: string;
  /** What happens, and what is sent for it. */
  readonly event: string;
  readonly action: string;
  /** Where along the line the label stands, and how far beside it. */
  readonly at: number;
  readonly label: Point;
  /** The line's own offset, for pairs of opposite ones. */
  readonly shift?: Point;
  /** Where along the line the number stands, if not in the middle. */
  readonly badge?: number;
}

const EDGES: readonly Edge[] = [
  { from: 'CLOSED', to: 'LISTEN', event: 'passive OPEN', action: '', at: 0.5, label: [-52, 0], shift: [-14, 0] },
  { from: 'LISTEN', to: 'CLOSED', event: 'CLOSE', action: '', at: 0.5, label: [28, 0], shift: [14, 0] },
  {
    from: 'CLOSED',
    to: 'SYN-SENT',
    event: 'active OPEN',
    action: 'send SYN',
    at: 0.42,
    label: [56, -6],
    shift: [34, 0],
  },
  { from: 'SYN-SENT', to: 'CLOSED', event: 'CLOSE', action: '', at: 0.62, label: [-2, 15], badge: 0.28, shift: [8, 0] },
  {
    from: 'LISTEN',
    to: 'SYN-RECEIVED',
    event: 'SYN',
    action: 'send SYN,ACK',
    at: 0.5,
    label: [-58, -12],
    shift: [-8, -6],
  },
  { from: 'SYN-RECEIVED', to: 'LISTEN', event: 'RST', action: '', at: 0.4, label: [20, 10], shift: [8, 8] },
  { from: 'LISTEN', to: 'SYN-SENT', event: 'SEND', action: 'send SYN', at: 0.35, label: [-8, 20] },
  { from: 'SYN-SENT', to: 'SYN-RECEIVED', event: 'SYN', action: 'send SYN,ACK', at: 0.5, label: [0, -18] },
  { from: 'SYN-RECEIVED', to: 'ESTABLISHED', event: 'ACK of SYN', action: '', at: 0.5, label: [50, -8] },
  { from: 'SYN-SENT', to: 'ESTABLISHED', event: 'SYN,ACK', action: 'send ACK', at: 0.5, label: [46, 14] },
  { from: 'SYN-RECEIVED', to: 'FIN-WAIT-1', event: 'CLOSE', action: 'send FIN', at: 0.5, label: [-36, 0] },
  { from: 'ESTABLISHED', to: 'FIN-WAIT-1', event: 'CLOSE', action: 'send FIN', at: 0.5, label: [38, 10] },
  { from: 'ESTABLISHED', to: 'CLOSE-WAIT', event: 'FIN', action: 'send ACK', at: 0.5, label: [48, -8] },
  { from: 'FIN-WAIT-1', to: 'FIN-WAIT-2', event: 'ACK of FIN', action: '', at: 0.5, label: [-48, 0] },
  { from: 'FIN-WAIT-1', to: 'CLOSING', event: 'FIN', action: 'send ACK', at: 0.5, label: [36, -10] },
  { from: 'FIN-WAIT-1', to: 'TIME-WAIT', event: 'FIN + ACK', action: 'send ACK', at: 0.43, label: [-24, -7] },
  { from: 'CLOSE-WAIT', to: 'LAST-ACK', event: 'CLOSE', action: 'send FIN', at: 0.5, label: [38, 0] },
  { from: 'FIN-WAIT-2', to: 'TIME-WAIT', event: 'FIN', action: 'send ACK', at: 0.45, label: [-40, 12] },
  { from: 'CLOSING', to: 'TIME-WAIT', event: 'ACK of FIN', action: '', at: 0.5, label: [44, 0] },
  { from: 'LAST-ACK', to: END, event: 'ACK of FIN', action: '', at: 0.5, label: [44, 0] },
  { from: 'TIME-WAIT', to: END, event: '2 MSL over', action: '', at: 0.5, label: [0, -8] },
];

/** The diagram of one end. */
export function stateDiagram(name: string, end: EndDocument): HTMLElement {
  const steps = stepsOf(end.path);
  const visited = new Set([...steps.flatMap(({ from, to }) => [from, to]), end.path[0] ?? '']);
  const svg = drawing('svg', { class: 'states', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img' });
  svg.append(drawing('title', {}, `States of the ${name}: ${end.path.join(', ')}`), stateHeads(name));
  const drawn = EDGES.map((edge) => edgeGroup(name, edge, numbersOf(steps, edge.from, edge.to)));
  // The taken ones on top.
  svg.append(...drawn.filter((group) => !group.classList.contains('taken')));
  svg.append(...otherSteps(steps).map(([from, to, numbers]) => otherEdge(name, from, to, numbers)));
  svg.append(...drawn.filter((group) => group.classList.contains('taken')));
  const current = steps.at(-1)?.to ?? end.path[0];
  for (const node of Object.keys(NODES)) svg.append(nodeGroup(node, end, visited.has(node), node === current));
  const caption = element(
    'figcaption',
    {},
    element('span', { class: `end-name ${name}` }, name),
    ` ${end.address}:${end.port}: ${end.path.join(' → ')}`,
  );
  return element('figure', { class: 'state-figure' }, caption, svg);
}

/** From here the upper CLOSED is the nearer one. */
const BEFORE_OPEN = ['LISTEN', 'SYN-SENT', 'SYN-RECEIVED'];

interface Step {
  readonly from: string;
  readonly to: string;
}

/** The way, with the CLOSED where it ends told from the one where it began. */
function stepsOf(path: readonly string[]): Step[] {
  return path.slice(1).map((state, index) => {
    const from = path[index];
    return { from, to: state === 'CLOSED' && !BEFORE_OPEN.includes(from) ? END : state };
  });
}

/** In which places of the way this edge was taken, from 1. */
function numbersOf(steps: readonly Step[], from: string, to: string): number[] {
  return steps.flatMap((step, index) => (step.from === from && step.to === to ? [index + 1] : []));
}

function otherSteps(steps: readonly Step[]): (readonly [string, string, number[]])[] {
  const others = new Map<string, Step>();
  for (const step of steps) {
    const known = EDGES.some(({ from, to }) => from === step.from && to === step.to);
    if (!known && NODES[step.from] && NODES[step.to]) others.set(`${step.from} ${step.to}`, step);
  }
  return [...others.values()].map(({ from, to }) => [from, to, numbersOf(steps, from, to)] as const);
}

function edgeGroup(name: string, edge: Edge, numbers: readonly number[]): SVGGElement {
  const [dx, dy] = edge.shift ?? [0, 0];
  const [fromX, fromY] = NODES[edge.from];
  const [toX, toY] = NODES[edge.to];
  const start = borderPoint([fromX + dx, fromY + dy], [toX + dx, toY + dy], [fromX, fromY]);
  const end = borderPoint([toX + dx, toY + dy], [fromX + dx, fromY + dy], [toX, toY]);
  const taken = numbers.length > 0;
  const group = drawing('g', { class: taken ? 'edge taken' : 'edge' });
  const line = { x1: start[0], y1: start[1], x2: end[0], y2: end[1] };
  group.append(drawing('line', { ...line, 'marker-end': `url(#state-${name}-${taken ? 'taken' : 'plain'})` }));
  const x = start[0] + (end[0] - start[0]) * edge.at + edge.label[0];
  const y = start[1] + (end[1] - start[1]) * edge.at + edge.label[1];
  const label = drawing('text', { x, y: edge.action === '' ? y + 4 : y - 2 });
  label.append(drawing('tspan', { x }, edge.event));
  if (edge.action !== '') label.append(drawing('tspan', { x, dy: 12, class: 'action' }, edge.action));
  group.append(label);
  const share = edge.badge ?? 0.5;
  if (taken)
    group.append(badge(start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share, numbers));
  return group;
}

/** A step that is not in the figure: a bow from one state to the other. */
function otherEdge(name: string, from: string, to: string, numbers: readonly number[]): SVGGElement {
  const [a, b] = [NODES[from], NODES[to]];
  const bend = b[1] < a[1] ? -0.3 : a[0] === b[0] ? 0.8 : 0.12; // around the states between, or through the gaps
  const away: Point = [(a[0] + b[0]) / 2 - (b[1] - a[1]) * bend, (a[1] + b[1]) / 2 + (b[0] - a[0]) * bend];
  const start = borderPoint(a, away, a);
  const end = borderPoint(b, away, b);
  const d = `M${start[0]} ${start[1]}Q${away[0]} ${away[1]} ${end[0]} ${end[1]}`;
  const middle = [0, 1].map((axis) => (start[axis] + 2 * away[axis] + end[axis]) / 4);
  const path = drawing('path', { d, 'marker-end': `url(#state-${name}-taken)` });
  return drawing('g', { class: 'edge taken other' }, path, badge(middle[0], middle[1], numbers));
}

function badge(x: number, y: number, numbers: readonly number[]): SVGGElement {
  const text = numbers.length > 3 ? `${numbers[0]}…${numbers.at(-1)}` : numbers.join(',');
  const width = Math.max(18, text.length * 7 + 8);
  return drawing(
    'g',
    { class: 'badge' },
    drawing('rect', { x: x - width / 2, y: y - 9, width, height: 18, rx: 9 }),
    drawing('text', { x, y: y + 4 }, text),
  );
}

function nodeGroup(node: string, end: EndDocument, visited: boolean, current: boolean): SVGGElement {
  const [x, y] = NODES[node];
  const state = node === END ? 'CLOSED' : node;
  const us = state === 'CLOSED' ? 0 : (end.stateUs[state] ?? 0);
  const time = visited && us > 0;
  return drawing(
    'g',
    { class: `node${visited ? ' visited' : ''}${current ? ' current' : ''}`, 'data-state': state },
    drawing('rect', { x: x - BOX_WIDTH / 2, y: y - BOX_HEIGHT / 2, width: BOX_WIDTH, height: BOX_HEIGHT, rx: 6 }),
    drawing('text', { x, y: time ? y - 2 : y + 4 }, state),
    ...(time ? [drawing('text', { class: 'time', x, y: y + 13 }, formatDurationUs(us))] : []),
  );
}

/** Where the line from `inside` towards `outside` leaves the box around `centre`. */
function borderPoint(inside: Point, outside: Point, centre: Point): Point {
  const [dx, dy] = [outside[0] - inside[0], outside[1] - inside[1]];
  const edge = (position: number, middle: number, half: number, delta: number): number =>
    delta === 0 ? Infinity : (middle + Math.sign(delta) * half - position) / delta;
  const share = Math.min(
    edge(inside[0], centre[0], BOX_WIDTH / 2 + 1, dx),
    edge(inside[1], centre[1], BOX_HEIGHT / 2 + 1, dy),
  );
  return [inside[0] + dx * share, inside[1] + dy * share];
}

function stateHeads(name: string): SVGElement {
  const heads = ['plain', 'taken'].map((kind) =>
    drawing(
      'marker',
      {
        id: `state-${name}-${kind}`,
        viewBox: '0 0 8 8',
        refX: 8,
        refY: 4,
        markerWidth: 9,
        markerHeight: 9,
        markerUnits: 'userSpaceOnUse',
        orient: 'auto',
      },
      drawing('path', { class: `head ${kind}`, d: 'M0 0.8L8 4L0 7.2z' }),
    ),
  );
  return drawing('defs', {}, ...heads);
}
