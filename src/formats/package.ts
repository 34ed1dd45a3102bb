import { GuestfsError } from '../errors/index.ts';

/** An installed package, as every package database here tells it; what a database does not keep is empty. */
export interface PackageRecord {
  name: string;
  /** 0 where the package has none. */
  epoch: number;
  version: string;
  release: string;
  /** As the package manager spells it: `amd64`, `x86_64`, `noarch`. */
  arch: string;
  publisher: string;
  url: string;
  sourcePackage: string;
  summary: string;
  /** Lines parted by newlines. */
  description: string;
}

/** A record with nothing but a name. */
export function emptyPackage(name: string): PackageRecord {
  return {
    name,
    epoch: 0,
    version: '',
    release: '',
    arch: '',
    publisher: '',
    url: '',
    sourcePackage: '',
    summary: '',
    description: '',
  };
}

/** Bytes that one package database may have: 512 MiB. */
export const LARGEST_DATABASE = 512 * 1024 * 1024;

/** Packages that one database may have; the largest distributions offer fewer than this in all. */
export const MOST_PACKAGES = 200_000;

/** Code units that all packages of one database may have in all. */
const MOST_TEXT = 128 * 1024 * 1024;

/** Code units that are kept of one description. */
export const LONGEST_DESCRIPTION = 64 * 1024;

/** The first {@link LONGEST_DESCRIPTION} code units of a text. */
export function capped(text: string): string {
  return text.length > LONGEST_DESCRIPTION ? text.slice(0, LONGEST_DESCRIPTION) : text;
}

/** Keeps what a database hands out within bounds. */
export class PackageBudget {
  readonly #what: string;
  #packages = 0;
  #text = 0;

  constructor(what: string) {
    this.#what = what;
  }

  /** Count a package, and give it back. Throws EFBIG where it is one, or one byte of text, too many. */
  add(record: PackageRecord): PackageRecord {
    this.#packages++;
    this.#text +=
      record.name.length +
      record.version.length +
      record.release.length +
      record.arch.length +
      record.publisher.length +
      record.url.length +
      record.sourcePackage.length +
      record.summary.length +
      record.description.length;
    if (this.#packages > MOST_PACKAGES || this.#text > MOST_TEXT) {
      throw new GuestfsError(
        'EFBIG',
        `${this.#what} has ${this.#packages} packages with ${this.#text} characters and more, ` +
          `at most ${MOST_PACKAGES} with ${MOST_TEXT} are read`,
      );
    }
    return record;
  }
}
