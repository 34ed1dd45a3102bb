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

/** Bytes that one package database may have in all: 512 MiB. */
export const LARGEST_DATABASE = 512 * 1024 * 1024;

/** Packages that one database may have. */
export const MOST_PACKAGES = 1_000_000;

/** Code units that are kept of one description. */
export const LONGEST_DESCRIPTION = 64 * 1024;

/** The first {@link LONGEST_DESCRIPTION} code units of a text. */
export function capped(text: string): string {
  return text.length > LONGEST_DESCRIPTION ? text.slice(0, LONGEST_DESCRIPTION) : text;
}
