/** Problems whose words are kept; all are counted. */
const MOST = 10_000;

/** What is wrong, by kind. */
export type FatProblemCode =
  | 'tables-differ'
  | 'start-cluster'
  | 'chain'
  | 'cross-link'
  | 'chain-length'
  | 'file-size'
  | 'directory'
  | 'dot-entries'
  | 'long-name'
  | 'short-name'
  | 'lost-clusters'
  | 'free-count'
  | 'dirty';

/** Something that is wrong. */
export interface FatProblem {
  code: FatProblemCode;
  /** In words, with what was found and what was expected. */
  text: string;
  /** True if it was put right. */
  fixed: boolean;
}

/** Gathers what is wrong. */
export class ProblemList {
  readonly problems: FatProblem[] = [];
  count = 0;
  /** What cannot be put right. */
  left = 0;
  readonly #repair: boolean;

  constructor(repair: boolean) {
    this.#repair = repair;
  }

  /** Something that the caller puts right in memory. */
  add(code: FatProblemCode, text: string): void {
    this.#push({ code, text, fixed: this.#repair });
  }

  /** Something that is left as it is. */
  leave(code: FatProblemCode, text: string): void {
    this.left++;
    this.#push({ code, text, fixed: false });
  }

  #push(problem: FatProblem): void {
    this.count++;
    if (this.problems.length < MOST) this.problems.push(problem);
  }
}
