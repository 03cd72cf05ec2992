/**
 * Runs of 4 KiB pages in 64 MiB chunks: slabs and values of 16 KiB…32 MiB are made of them. Free runs carry their length at
 * both ends (Knuth's boundary tags), so that neighbours coalesce when freed, and hang in bins by length.
 *
 *   chunk:  │ run 5 … -5 │ run 3 … 0 │ run -120 …………………… -120 │ guard │
 *             free 5       used 3      free 120                  never used
 *
 * Pages are numbered through all chunks (chunk << 14 | page). Page 0 is never handed out, so 0 means "none". The last page of
 * a chunk is a guard: word-wise reads may run past the end of an object.
 */

export const PAGES_PER_CHUNK = 16_384;
const PAGE_MASK = PAGES_PER_CHUNK - 1;
/** Pages of a chunk that can be handed out: all but the guard, and in chunk 0 all but page 0. */
const USABLE_PAGES = PAGES_PER_CHUNK - 1;
/** Runs of 1…BIN_EXACT pages have a bin for each length; the last bin holds all longer ones. */
const BIN_EXACT = 128;
const BIN_LARGE = BIN_EXACT + 1;

export class PageHeap {
  /** At the first page of a used run its length; at the first and last page of a free run its length negated. */
  private readonly run: Int32Array;
  /** Neighbours in the bin, by first page of the free run. */
  private readonly next: Int32Array;
  private readonly prev: Int32Array;
  private readonly bins = new Int32Array(BIN_LARGE + 1);

  constructor(maxChunks: number) {
    const pages = maxChunks * PAGES_PER_CHUNK;
    this.run = new Int32Array(new SharedArrayBuffer(pages * 4));
    this.next = new Int32Array(new SharedArrayBuffer(pages * 4));
    this.prev = new Int32Array(new SharedArrayBuffer(pages * 4));
  }

  /** Makes a chunk's pages available. */
  addChunk(chunk: number): void {
    const first = chunk * PAGES_PER_CHUNK;
    const start = chunk === 0 ? first + 1 : first;
    const guard = first + USABLE_PAGES;
    this.run[first] = 1;
    this.run[guard] = 1;
    this.pushFree(start, guard - start);
  }

  /** Takes a chunk away whose pages are all free. */
  removeChunk(chunk: number): void {
    this.unlinkFree(chunk * PAGES_PER_CHUNK);
  }

  /** First page of a run of `pages`, or 0 when no free run is long enough. */
  alloc(pages: number): number {
    const page = this.findFree(pages);
    if (page === 0) return 0;
    const length = -this.run[page];
    this.unlinkFree(page);
    if (length > pages) this.pushFree(page + pages, length - pages);
    this.run[page + pages - 1] = 0;
    this.run[page] = pages;
    return page;
  }

  /** Gives a run back. Returns the first page of the free run that it is part of now. */
  free(page: number): number {
    let start = page;
    let pages = this.run[page];
    const following = this.run[page + pages];
    if (following < 0) {
      this.unlinkFree(page + pages);
      pages -= following;
    }
    if ((page & PAGE_MASK) !== 0) {
      const preceding = this.run[page - 1];
      if (preceding < 0) {
        start += preceding;
        pages -= preceding;
        this.unlinkFree(start);
      }
    }
    this.pushFree(start, pages);
    return start;
  }

  /** Length of the used run that begins at `page`. */
  usedPages(page: number): number {
    return this.run[page];
  }

  /** Length of the free run that begins at `page`. */
  freePages(page: number): number {
    return -this.run[page];
  }

  /** Visits every free run of at least `atLeast` pages. */
  forEachFree(atLeast: number, visit: (page: number, pages: number) => void): void {
    for (let bin = Math.min(atLeast, BIN_LARGE); bin <= BIN_LARGE; bin++) {
      for (let page = this.bins[bin]; page !== 0; page = this.next[page]) {
        if (-this.run[page] >= atLeast) visit(page, -this.run[page]);
      }
    }
  }

  /** A free run of this many pages at `page` is a whole chunk. */
  isWholeChunk(page: number): boolean {
    return -this.run[page] === USABLE_PAGES;
  }

  private findFree(pages: number): number {
    for (let bin = pages; bin <= BIN_EXACT; bin++) if (this.bins[bin] !== 0) return this.bins[bin];
    let best = 0;
    let bestLength = PAGES_PER_CHUNK;
    // Few runs are this long: at most 128 in a chunk.
    for (let page = this.bins[BIN_LARGE]; page !== 0; page = this.next[page]) {
      const length = -this.run[page];
      if (length >= pages && length < bestLength) {
        best = page;
        bestLength = length;
      }
    }
    return best;
  }

  private pushFree(page: number, pages: number): void {
    this.run[page] = -pages;
    this.run[page + pages - 1] = -pages;
    const bin = pages <= BIN_EXACT ? pages : BIN_LARGE;
    const head = this.bins[bin];
    this.next[page] = head;
    this.prev[page] = 0;
    if (head !== 0) this.prev[head] = page;
    this.bins[bin] = page;
  }

  private unlinkFree(page: number): void {
    const pages = -this.run[page];
    const next = this.next[page];
    const prev = this.prev[page];
    if (next !== 0) this.prev[next] = prev;
    if (prev !== 0) this.next[prev] = next;
    else this.bins[pages <= BIN_EXACT ? pages : BIN_LARGE] = next;
  }
}
