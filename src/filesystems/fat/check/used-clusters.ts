/** Which clusters something holds: one bit each. */
export class UsedClusters {
  readonly #bits: Uint32Array;

  /** `end` is the number after that of the last cluster. */
  constructor(end: number) {
    this.#bits = new Uint32Array(Math.ceil(end / 32));
  }

  has(cluster: number): boolean {
    return ((this.#bits[cluster >>> 5]! >>> (cluster & 31)) & 1) !== 0;
  }

  add(cluster: number): void {
    this.#bits[cluster >>> 5] = this.#bits[cluster >>> 5]! | (1 << (cluster & 31));
  }
}
