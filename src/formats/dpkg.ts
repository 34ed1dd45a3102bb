import { decodeText, latin1 } from '../bytes/text.ts';
import type { FileContent } from './content.ts';
import { LineReader } from './lines.ts';
import {
  emptyPackage,
  LARGEST_DATABASE,
  LONGEST_DESCRIPTION,
  PackageBudget,
  type PackageRecord,
} from './package.ts';

/** A Debian version: `[epoch:]upstream[-revision]`, deb-version(7). */
export interface DebianVersion {
  epoch: number;
  upstream: string;
  revision: string;
}

/**
 * Split a Debian version as libguestfs shows it: the revision begins after the first dash, where dpkg itself has it
 * begin after the last one. An epoch that is no number counts as 0.
 */
export function parseDebianVersion(text: string): DebianVersion {
  const match = /^(?:([0-9]{1,9}):)?([^-]*)(?:-(.*))?$/s.exec(text);
  return {
    epoch: Number(match?.[1] ?? 0),
    upstream: match?.[2] ?? text,
    revision: match?.[3] ?? '',
  };
}

const SPACE = 0x20;
const TAB = 0x09;
const COLON = 0x3a;
/** The longest of the names below. */
const LONGEST_KEY = 12;

/** What is collected of one paragraph. */
class Paragraph {
  readonly record = emptyPackage('');
  installed = false;
  /** Lines of the description, while they follow each other. */
  description: string[] = [];
  #length = 0;
  #inDescription = false;

  /** A line `Key: value`, its key in lower case. */
  field(key: string, value: string): void {
    const { record } = this;
    this.#inDescription = false;
    switch (key) {
      case 'package':
        record.name = value.trim();
        break;
      case 'status':
        this.installed = value.trimEnd().endsWith(' installed');
        break;
      case 'version': {
        const { epoch, upstream, revision } = parseDebianVersion(value.trim());
        record.epoch = epoch;
        record.version = upstream;
        record.release = revision;
        break;
      }
      case 'architecture':
        record.arch = value.trim();
        break;
      case 'homepage':
        record.url = value.trim();
        break;
      case 'source':
        record.sourcePackage = value.trim().replace(/ \([^()]*\)$/, '');
        break;
      case 'description':
        record.summary = value.slice(0, LONGEST_DESCRIPTION);
        this.#inDescription = true;
        break;
      default:
    }
  }

  /** A line that goes on with the field before it. */
  more(bytes: Uint8Array, start: number, end: number): void {
    if (!this.#inDescription || this.#length > LONGEST_DESCRIPTION) return;
    this.#length += end - start + 1;
    this.description.push(decodeText(bytes, start, Math.min(end, start + LONGEST_DESCRIPTION)));
  }

  /** A line that is read over. */
  skip(): void {
    this.#inDescription = false;
  }

  finish(): PackageRecord | undefined {
    if (!this.installed || this.record.name === '') return undefined;
    this.record.description = this.description.join('\n');
    return this.record;
  }
}

/** First letters, lower case, of the fields that are read: most lines are told apart by them. */
const FIRST_LETTERS: ReadonlySet<number> = new Set([...'psvahd'].map((letter) => letter.charCodeAt(0)));

/**
 * The installed packages of /var/lib/dpkg/status (dpkg(1), deb822(5)), in the file's order: those whose status ends
 * in `installed`. A description keeps the dots that stand for empty lines. Streams the file, so that its size costs
 * time and no memory. Throws EFBIG above 512 MiB or 200000 packages.
 */
export function* dpkgPackages(content: FileContent, what = 'dpkg status'): Generator<PackageRecord, void> {
  const budget = new PackageBudget(what);
  const lines = new LineReader(content, what, LARGEST_DATABASE);
  let paragraph: Paragraph | undefined;
  while (lines.next()) {
    const { bytes, start, end } = lines;
    const first = bytes[start] as number;
    if (start === end || isBlank(bytes, start, end)) {
      const done = paragraph?.finish();
      paragraph = undefined;
      if (done !== undefined) yield budget.add(done);
    } else if (first === SPACE || first === TAB) {
      paragraph?.more(bytes, start + 1, end);
    } else {
      paragraph ??= new Paragraph();
      const colon = FIRST_LETTERS.has(first | 0x20) ? bytes.indexOf(COLON, start) : -1;
      if (colon < 0 || colon >= end || colon - start > LONGEST_KEY) {
        paragraph.skip();
        continue;
      }
      const value = bytes[colon + 1] === SPACE ? colon + 2 : colon + 1;
      paragraph.field(
        latin1(bytes, start, colon).toLowerCase(),
        decodeText(bytes, Math.min(value, end), end),
      );
    }
  }
  const done = paragraph?.finish();
  if (done !== undefined) yield budget.add(done);
}

function isBlank(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    if (bytes[i] !== SPACE && bytes[i] !== TAB) return false;
  }
  return true;
}
