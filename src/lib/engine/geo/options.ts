/** The arguments of searches: where, how far, in what order, how many, and what is told or stored of them. */
import { Area } from '../../store/geohash.ts';
import { integerArgument, isWord, optionWord, shownText, syntaxError } from '../arguments.ts';
import { doubleArgument } from '../double.ts';
import type { Engine } from '../engine.ts';
import { placeOf } from './members.ts';
import { coordinateArguments, place, unitArgument } from './value.ts';

/** What a command takes. */
export interface Syntax {
  /** The argument that is the key to search: 2 when argument 1 is the key to store at. */
  readonly source: number;
  /** Where the middle comes from: arguments 2 and 3, the member in argument 2, or options. */
  readonly from: 'place' | 'member' | 'options';
  /** STORE and STOREDIST name a key. */
  readonly mayStore: boolean;
  /** GEOSEARCH or GEOSEARCHSTORE. */
  readonly isSearch: boolean;
}

export interface Search {
  readonly area: Area;
  /** Metres of the client's unit. */
  metres: number;
  ascending: boolean;
  descending: boolean;
  /** 0: all. */
  count: number;
  any: boolean;
  withDistance: boolean;
  withHash: boolean;
  withPlace: boolean;
  /** The argument that is the key to store at, or 0. */
  store: number;
  storeDistance: boolean;
}

const word = optionWord;
const WITHDIST = word('WITHDIST');
const WITHHASH = word('WITHHASH');
const WITHCOORD = word('WITHCOORD');
const ANY = word('ANY');
const ASC = word('ASC');
const DESC = word('DESC');
const COUNT = word('COUNT');
const STORE = word('STORE');
const STOREDIST = word('STOREDIST');
const FROMMEMBER = word('FROMMEMBER');
const FROMLONLAT = word('FROMLONLAT');
const BYRADIUS = word('BYRADIUS');
const BYBOX = word('BYBOX');

const UNDECODABLE = 'ERR could not decode requested zset member';

/** Where the middle and the shape came from. */
interface Given {
  fromMember: boolean;
  fromPlace: boolean;
  byRadius: boolean;
  byBox: boolean;
}

/** The search that the arguments ask for, in the set that is open (`exists`: there is one); null after an error. */
export function parseSearch(engine: Engine, arg: number, argc: number, syntax: Syntax, exists: boolean): Search | null {
  const search: Search = {
    area: new Area(),
    metres: 1,
    ascending: false,
    descending: false,
    count: 0,
    any: false,
    withDistance: false,
    withHash: false,
    withPlace: false,
    store: syntax.source === 2 ? arg + 1 : 0,
    storeDistance: false,
  };
  const first = parseMiddle(engine, arg, syntax, exists, search);
  if (first < 0) return null;
  const given: Given = { fromMember: false, fromPlace: false, byRadius: false, byBox: false };
  const end = arg + argc;
  for (let i = first; i < end; ) {
    let taken = parseFlag(engine, i, search);
    if (taken === 0) taken = parseValued(engine, i, end, syntax, search);
    if (taken === 0 && syntax.isSearch) taken = parseShape(engine, i, end, exists, search, given);
    if (taken === 0) syntaxError(engine);
    if (taken <= 0) return null;
    i += taken;
  }
  return fitsTogether(engine, arg, syntax, search, given) ? search : null;
}

/** What stands before the options. Returns the first argument after it; -1 after an error. */
function parseMiddle(engine: Engine, arg: number, syntax: Syntax, exists: boolean, search: Search): number {
  if (syntax.from === 'options') return arg + syntax.source + 1;
  if (syntax.from === 'place') {
    if (!coordinateArguments(engine, arg + 2)) return -1;
    setMiddle(search.area);
    return parseRadius(engine, arg + 4, search) ? arg + 6 : -1;
  }
  if (!exists) return arg + 5;
  if (!placeOf(engine, arg + 2, place)) {
    engine.reply.error(UNDECODABLE);
    return -1;
  }
  setMiddle(search.area);
  return parseRadius(engine, arg + 3, search) ? arg + 5 : -1;
}

function setMiddle(area: Area): void {
  area.longitude = place.longitude;
  area.latitude = place.latitude;
}

function parseRadius(engine: Engine, i: number, search: Search): boolean {
  const radius = doubleArgument(engine, i, 'ERR need numeric radius');
  if (Number.isNaN(radius)) return false;
  if (radius < 0) {
    engine.reply.error('ERR radius cannot be negative');
    return false;
  }
  const metres = unitArgument(engine, i + 1);
  if (metres < 0) return false;
  search.metres = metres;
  search.area.isBox = false;
  search.area.radius = radius * metres;
  return true;
}

function parseBox(engine: Engine, i: number, search: Search): boolean {
  const width = doubleArgument(engine, i, 'ERR need numeric width');
  if (Number.isNaN(width)) return false;
  const height = doubleArgument(engine, i + 1, 'ERR need numeric height');
  if (Number.isNaN(height)) return false;
  if (width < 0 || height < 0) {
    engine.reply.error('ERR height or width cannot be negative');
    return false;
  }
  const metres = unitArgument(engine, i + 2);
  if (metres < 0) return false;
  search.metres = metres;
  search.area.isBox = true;
  search.area.width = width * metres;
  search.area.height = height * metres;
  return true;
}

// Each of these returns how many arguments the option at `i` takes; 0 when it is none of theirs, -1 after an error.

function parseFlag(engine: Engine, i: number, search: Search): number {
  if (isWord(engine, i, WITHDIST)) search.withDistance = true;
  else if (isWord(engine, i, WITHHASH)) search.withHash = true;
  else if (isWord(engine, i, WITHCOORD)) search.withPlace = true;
  else if (isWord(engine, i, ANY)) search.any = true;
  else if (isWord(engine, i, ASC)) [search.ascending, search.descending] = [true, false];
  else if (isWord(engine, i, DESC)) [search.ascending, search.descending] = [false, true];
  else return 0;
  return 1;
}

function parseValued(engine: Engine, i: number, end: number, syntax: Syntax, search: Search): number {
  if (syntax.source === 2 && isWord(engine, i, STOREDIST)) {
    search.storeDistance = true;
    return 1;
  }
  if (i + 1 >= end) return 0;
  if (isWord(engine, i, COUNT)) {
    search.count = integerArgument(engine, i + 1);
    if (search.count > 0) return 2;
    if (!Number.isNaN(search.count)) engine.reply.error('ERR COUNT must be > 0');
    return -1;
  }
  const withDistance = isWord(engine, i, STOREDIST);
  if (!syntax.mayStore || !(withDistance || isWord(engine, i, STORE))) return 0;
  search.store = i + 1;
  search.storeDistance = withDistance;
  return 2;
}

function parseShape(engine: Engine, i: number, end: number, exists: boolean, search: Search, given: Given): number {
  if (i + 1 < end && !given.fromPlace && isWord(engine, i, FROMMEMBER)) {
    given.fromMember = true;
    if (!exists) return 2;
    if (!placeOf(engine, i + 1, place)) {
      engine.reply.error(UNDECODABLE);
      return -1;
    }
    setMiddle(search.area);
    return 2;
  }
  if (i + 2 < end && !given.fromMember && isWord(engine, i, FROMLONLAT)) {
    if (!coordinateArguments(engine, i + 1)) return -1;
    setMiddle(search.area);
    given.fromPlace = true;
    return 3;
  }
  if (i + 2 < end && !given.byBox && isWord(engine, i, BYRADIUS)) {
    given.byRadius = true;
    return parseRadius(engine, i + 1, search) ? 3 : -1;
  }
  if (i + 3 < end && !given.byRadius && isWord(engine, i, BYBOX)) {
    given.byBox = true;
    return parseBox(engine, i + 1, search) ? 4 : -1;
  }
  return 0;
}

function fitsTogether(engine: Engine, arg: number, syntax: Syntax, search: Search, given: Given): boolean {
  const { reply } = engine;
  if (search.store !== 0 && (search.withDistance || search.withHash || search.withPlace)) {
    const what = syntax.source === 2 ? 'GEOSEARCHSTORE' : 'STORE option in GEORADIUS';
    reply.error(`ERR ${what} is not compatible with WITHDIST, WITHHASH and WITHCOORD options`);
  } else if (syntax.isSearch && !given.fromMember && !given.fromPlace)
    reply.error(`ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for ${shownText(engine, arg)}`);
  else if (syntax.isSearch && !given.byRadius && !given.byBox)
    reply.error(`ERR exactly one of BYRADIUS and BYBOX can be specified for ${shownText(engine, arg)}`);
  else if (search.any && search.count === 0) reply.error('ERR the ANY argument requires COUNT argument');
  else return true;
  return false;
}
