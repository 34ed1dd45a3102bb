import { CorruptError, UnsupportedError } from '../../errors/index.ts';

/*
 * The LZMA decoder. Source: LZMA specification (Igor Pavlov, public domain), whose names are kept.
 */

/** Probabilities start at one half of 2048. */
const PROB_INIT = 1024;
const STATES = 12;
const POS_STATES = 16;

/** Offsets of the groups of probabilities in one array. */
const IS_MATCH = 0;
const IS_REP = IS_MATCH + STATES * POS_STATES;
const IS_REP_G0 = IS_REP + STATES;
const IS_REP_G1 = IS_REP_G0 + STATES;
const IS_REP_G2 = IS_REP_G1 + STATES;
const IS_REP0_LONG = IS_REP_G2 + STATES;
const POS_SLOT = IS_REP0_LONG + STATES * POS_STATES;
const POS_SPECIAL = POS_SLOT + 4 * 64;
const ALIGN = POS_SPECIAL + 115;
const LEN = ALIGN + 16;
const LEN_CHOICE2 = 1;
const LEN_LOW = 2;
const LEN_MID = LEN_LOW + POS_STATES * 8;
const LEN_HIGH = LEN_MID + POS_STATES * 8;
const LEN_SIZE = LEN_HIGH + 256;
const REP_LEN = LEN + LEN_SIZE;
const LITERAL = REP_LEN + LEN_SIZE;

/** Largest dictionary that is accepted: twice what `xz -9` uses. */
export const MAX_DICTIONARY = 128 * 1024 * 1024;
/** Room for output beside the dictionary. */
const SLACK = 2 * 1024 * 1024;
const WHAT = 'LZMA data';

/** Decodes LZMA into a window of its own: the dictionary and what was decoded since the last {@link drain}. */
export class LzmaDecoder {
  readonly #dictionarySize: number;
  #window: Uint8Array;
  /** End of the decoded bytes in the window. */
  #end = 0;
  /** Begin of the bytes that were not drained yet. */
  #drained = 0;
  /** First byte that a match may reach. */
  #oldest = 0;
  #probs = new Uint16Array(LITERAL);
  #lc = 0;
  #lpMask = 0;
  #pbMask = 0;
  #state = 0;
  #rep0 = 0;
  #rep1 = 0;
  #rep2 = 0;
  #rep3 = 0;
  /** Bytes of a match that did not fit the last call's limit. */
  #pending = 0;
  /** Bytes since the dictionary was reset, which give the position states. */
  #position = 0;

  #input: Uint8Array = new Uint8Array(0);
  #at = 0;
  #range = 0;
  #code = 0;

  constructor(dictionarySize: number) {
    if (dictionarySize > MAX_DICTIONARY) {
      throw new UnsupportedError(
        `the LZMA data want a dictionary of ${dictionarySize} bytes, ${MAX_DICTIONARY} is the most allowed`,
        { structure: WHAT },
      );
    }
    this.#dictionarySize = Math.max(4096, dictionarySize);
    this.#window = new Uint8Array(64 * 1024);
  }

  /** Set lc, lp and pb from the properties byte. */
  setProperties(byte: number): void {
    if (byte >= 225) throw new CorruptError(WHAT, `properties byte is ${byte}, expected at most 224`);
    const lc = byte % 9;
    const lp = Math.floor(byte / 9) % 5;
    this.#lc = lc;
    this.#lpMask = 2 ** lp - 1;
    this.#pbMask = 2 ** Math.floor(byte / 45) - 1;
    const size = LITERAL + (0x300 << (lc + lp));
    if (this.#probs.length < size) this.#probs = new Uint16Array(size);
    this.resetState();
  }

  /** Forget what was learnt about the data. */
  resetState(): void {
    this.#probs.fill(PROB_INIT);
    this.#state = 0;
    this.#rep0 = this.#rep1 = this.#rep2 = this.#rep3 = 0;
    this.#pending = 0;
  }

  /** Matches may not reach before this point any more. */
  resetDictionary(): void {
    this.#oldest = this.#end;
    this.#position = 0;
  }

  /** Bytes decoded since the last call, as a copy. */
  drain(): Uint8Array {
    const bytes = this.#window.slice(this.#drained, this.#end);
    this.#drained = this.#end;
    return bytes;
  }

  /** Take bytes into the window as they are. */
  copy(bytes: Uint8Array): void {
    this.#makeRoom(bytes.length);
    this.#window.set(bytes, this.#end);
    this.#end += bytes.length;
    this.#position += bytes.length;
  }

  /** Begin to read range-coded bytes. Throws CorruptError where the first is not 0. */
  start(input: Uint8Array, at: number): void {
    if (input[at] !== 0 || at + 5 > input.length) {
      throw new CorruptError(WHAT, `the range coder starts with ${input[at] ?? 'nothing'}, expected 0`);
    }
    this.#input = input;
    this.#at = at + 5;
    this.#range = 0xffffffff | 0;
    this.#code =
      ((input[at + 1] as number) << 24) |
      ((input[at + 2] as number) << 16) |
      ((input[at + 3] as number) << 8) |
      (input[at + 4] as number);
  }

  /** Offset in the input after the last byte that was used. */
  get inputPosition(): number {
    return this.#at;
  }

  /** The range coder has come to its proper end. */
  get finished(): boolean {
    return this.#code === 0;
  }

  /**
   * Decode `length` bytes. Returns false where the end marker came first. Throws CorruptError where the input ends, or
   * a match reaches before the dictionary.
   */
  decode(length: number): boolean {
    this.#makeRoom(length);
    const limit = this.#end + length;
    if (this.#pending > 0) this.#copyMatch(this.#pending, limit);
    const probs = this.#probs;
    const inputEnd = this.#input.length;
    while (this.#end < limit) {
      if (this.#at > inputEnd) throw new CorruptError(WHAT, 'the data end too early');
      const posState = this.#position & this.#pbMask;
      const state = this.#state;
      if (this.#bit(probs, IS_MATCH + (state << 4) + posState) === 0) {
        this.#literal(probs);
        this.#state = state < 4 ? 0 : state < 10 ? state - 3 : state - 6;
        continue;
      }
      let matchLength: number;
      if (this.#bit(probs, IS_REP + state) === 0) {
        this.#rep3 = this.#rep2;
        this.#rep2 = this.#rep1;
        this.#rep1 = this.#rep0;
        matchLength = this.#length(probs, LEN, posState);
        this.#state = state < 7 ? 7 : 10;
        this.#rep0 = this.#distance(probs, matchLength);
        if (this.#rep0 === 0xffffffff) {
          this.#normalize();
          return false;
        }
      } else if (this.#repeated(probs, state, posState)) {
        matchLength = 1;
      } else {
        matchLength = this.#length(probs, REP_LEN, posState);
        this.#state = state < 7 ? 8 : 11;
      }
      if (this.#rep0 >= this.#end - this.#oldest || this.#rep0 >= this.#dictionarySize) {
        throw new CorruptError(
          WHAT,
          `a match reaches ${this.#rep0 + 1} bytes back, ${Math.min(this.#end - this.#oldest, this.#dictionarySize)} are there`,
        );
      }
      this.#copyMatch(matchLength, limit);
    }
    this.#normalize();
    if (this.#at > inputEnd) throw new CorruptError(WHAT, 'the data end too early');
    return true;
  }

  /** A match of LZMA2 may not cross the end of its chunk. */
  get pending(): number {
    return this.#pending;
  }

  #makeRoom(length: number): void {
    if (this.#end + length <= this.#window.length) return;
    const keep = Math.min(this.#dictionarySize, this.#end - this.#oldest);
    const from = Math.min(this.#end - keep, this.#drained);
    const kept = this.#end - from;
    if (kept + length > this.#window.length) {
      const most = Math.max(kept + length, this.#dictionarySize + SLACK);
      const larger = new Uint8Array(Math.min(most, Math.max(2 * this.#window.length, kept + length)));
      larger.set(this.#window.subarray(from, this.#end));
      this.#window = larger;
    } else this.#window.copyWithin(0, from, this.#end);
    this.#end = kept;
    this.#drained -= from;
    this.#oldest = Math.max(0, this.#oldest - from);
  }

  #copyMatch(length: number, limit: number): void {
    const window = this.#window;
    const count = Math.min(length, limit - this.#end);
    const distance = this.#rep0 + 1;
    let to = this.#end;
    const stop = to + count;
    for (; to < stop; to++) window[to] = window[to - distance] as number;
    this.#end = to;
    this.#position += count;
    this.#pending = length - count;
  }

  #normalize(): void {
    if (this.#range >>> 24 === 0) {
      this.#range <<= 8;
      this.#code = (this.#code << 8) | (this.#input[this.#at++] as number);
    }
  }

  #bit(probs: Uint16Array, index: number): 0 | 1 {
    let range = this.#range;
    let code = this.#code;
    if (range >>> 24 === 0) {
      range <<= 8;
      code = (code << 8) | (this.#input[this.#at++] as number);
    }
    const prob = probs[index] as number;
    const bound = Math.imul(range >>> 11, prob);
    if (code >>> 0 < bound >>> 0) {
      this.#range = bound;
      this.#code = code;
      probs[index] = prob + ((2048 - prob) >>> 5);
      return 0;
    }
    this.#range = (range - bound) | 0;
    this.#code = (code - bound) | 0;
    probs[index] = prob - (prob >>> 5);
    return 1;
  }

  #literal(probs: Uint16Array): void {
    const window = this.#window;
    const end = this.#end;
    const previous = end > this.#oldest ? (window[end - 1] as number) : 0;
    const context = ((this.#position & this.#lpMask) << this.#lc) + (previous >>> (8 - this.#lc));
    const base = LITERAL + 0x300 * context;
    const input = this.#input;
    let range = this.#range;
    let code = this.#code;
    let at = this.#at;
    let symbol = 1;
    let offset = 0;
    let matchByte = 0;
    if (this.#state >= 7) {
      if (this.#rep0 >= end - this.#oldest) {
        throw new CorruptError(WHAT, `a match reaches ${this.#rep0 + 1} bytes back, before the data`);
      }
      matchByte = window[end - this.#rep0 - 1] as number;
      offset = 0x100;
    }
    // The bit decoder of #bit, with everything in local variables: most of the time goes here.
    do {
      matchByte <<= 1;
      const matchBit = matchByte & offset;
      const index = base + offset + matchBit + symbol;
      if (range >>> 24 === 0) {
        range <<= 8;
        code = (code << 8) | (input[at++] as number);
      }
      const prob = probs[index] as number;
      const bound = Math.imul(range >>> 11, prob);
      if (code >>> 0 < bound >>> 0) {
        range = bound;
        probs[index] = prob + ((2048 - prob) >>> 5);
        symbol <<= 1;
        offset &= ~matchBit;
      } else {
        range = (range - bound) | 0;
        code = (code - bound) | 0;
        probs[index] = prob - (prob >>> 5);
        symbol = (symbol << 1) | 1;
        offset &= matchBit;
      }
    } while (symbol < 0x100);
    this.#range = range;
    this.#code = code;
    this.#at = at;
    window[end] = symbol;
    this.#end = end + 1;
    this.#position++;
  }

  /** A repeated distance; true for the short form of one byte. */
  #repeated(probs: Uint16Array, state: number, posState: number): boolean {
    if (this.#bit(probs, IS_REP_G0 + state) === 0) {
      if (this.#bit(probs, IS_REP0_LONG + (state << 4) + posState) === 0) {
        this.#state = state < 7 ? 9 : 11;
        return true;
      }
      return false;
    }
    let distance: number;
    if (this.#bit(probs, IS_REP_G1 + state) === 0) distance = this.#rep1;
    else {
      if (this.#bit(probs, IS_REP_G2 + state) === 0) distance = this.#rep2;
      else {
        distance = this.#rep3;
        this.#rep3 = this.#rep2;
      }
      this.#rep2 = this.#rep1;
    }
    this.#rep1 = this.#rep0;
    this.#rep0 = distance;
    return false;
  }

  #tree(probs: Uint16Array, base: number, bits: number): number {
    let symbol = 1;
    for (let i = 0; i < bits; i++) symbol = (symbol << 1) | this.#bit(probs, base + symbol);
    return symbol - (1 << bits);
  }

  #reverseTree(probs: Uint16Array, base: number, bits: number): number {
    let symbol = 1;
    let value = 0;
    for (let i = 0; i < bits; i++) {
      const bit = this.#bit(probs, base + symbol);
      symbol = (symbol << 1) | bit;
      value |= bit << i;
    }
    return value;
  }

  #length(probs: Uint16Array, base: number, posState: number): number {
    if (this.#bit(probs, base) === 0) return 2 + this.#tree(probs, base + LEN_LOW + (posState << 3), 3);
    if (this.#bit(probs, base + LEN_CHOICE2) === 0) {
      return 10 + this.#tree(probs, base + LEN_MID + (posState << 3), 3);
    }
    return 18 + this.#tree(probs, base + LEN_HIGH, 8);
  }

  #distance(probs: Uint16Array, length: number): number {
    const lengthState = Math.min(length - 2, 3);
    const slot = this.#tree(probs, POS_SLOT + (lengthState << 6), 6);
    if (slot < 4) return slot;
    const directBits = (slot >>> 1) - 1;
    const base = ((2 | (slot & 1)) << directBits) >>> 0;
    if (slot < 14) return base + this.#reverseTree(probs, POS_SPECIAL + base - slot, directBits);
    const direct = this.#direct(directBits - 4);
    return base + direct * 16 + this.#reverseTree(probs, ALIGN, 4);
  }

  #direct(bits: number): number {
    let value = 0;
    for (let i = 0; i < bits; i++) {
      this.#normalize();
      this.#range >>>= 1;
      const below = this.#code >>> 0 < this.#range >>> 0;
      if (!below) this.#code = (this.#code - this.#range) | 0;
      value = value * 2 + (below ? 0 : 1);
    }
    return value;
  }
}
