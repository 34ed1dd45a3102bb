import { differs, type FileState, type Snapshot } from './snapshot.ts';

const SECTOR = 512;

/** What is known of a workload's run: the tree after each operation, and which files may hold mixed blocks. */
export interface History {
  /** `snapshots[i]` is the tree after i operations; the first is the one before all. */
  snapshots: readonly Snapshot[];
  mixed: ReadonlySet<string>;
}

/**
 * Whether a tree found after a cut is one that the promise allows. With `atomic` (a journal) the whole tree must be
 * that after one of the operations from `least` on; without, each file on its own must be in one of those states.
 * Returns what is wrong, or undefined.
 */
export function judge(found: Snapshot, history: History, least: number, atomic: boolean): string | undefined {
  const allowed = history.snapshots.slice(least);
  const mixedInodes = history.mixed;
  const paths = new Set([...found.keys(), ...history.snapshots.flatMap((tree) => [...tree.keys()])]);
  if (!atomic) {
    for (const path of paths) {
      const reasons = allowed.map((tree) => compare(path, found, tree, history, mixedInodes, true));
      if (reasons.every((reason) => reason !== undefined)) return `${path} ${reasons.at(-1)}`;
    }
    return undefined;
  }
  const reasons: string[] = [];
  for (const [index, tree] of allowed.entries()) {
    let reason: string | undefined;
    for (const path of paths) {
      reason = compare(path, found, tree, history, mixedInodes, false);
      if (reason !== undefined) {
        reasons.push(`not that after ${least + index} operations: ${path} ${reason}`);
        break;
      }
    }
    if (reason === undefined) return undefined;
  }
  return reasons.join('; ');
}

function compare(
  path: string,
  found: Snapshot,
  tree: Snapshot,
  history: History,
  mixed: ReadonlySet<string>,
  lenient: boolean,
): string | undefined {
  const state = found.get(path);
  const expected = tree.get(path);
  if (state === undefined || expected === undefined || !isMixed(path, state, history, mixed)) {
    return differs(lenient ? withLinks(state, expected) : state, expected);
  }
  const content = state.content as Uint8Array;
  const problem = differs(
    { ...state, ...(lenient ? { nlink: expected.nlink } : {}), content: new Uint8Array() },
    { ...expected, content: new Uint8Array() },
  );
  if (problem !== undefined && !(lenient && problem.startsWith('size'))) return problem;
  return foreignSector(content, path, history);
}

/** Link counts may be of another moment than the names where there is no journal. */
function withLinks(state: FileState | undefined, expected: FileState | undefined): FileState | undefined {
  return state === undefined || expected === undefined ? state : { ...state, nlink: expected.nlink };
}

/** A file is mixed under whatever name it goes: renamed after it was written in place. */
function isMixed(path: string, state: FileState, history: History, mixed: ReadonlySet<string>): boolean {
  return (
    state.content !== undefined &&
    (mixed.has(path) || (mixed.size > 0 && history.snapshots.some((tree) => !tree.has(path))))
  );
}

/** Every sector must be of this file at some moment, or zeroes: never another file's. */
function foreignSector(content: Uint8Array, path: string, history: History): string | undefined {
  const versions: Uint8Array[] = [];
  for (const tree of history.snapshots) {
    for (const [name, { content: bytes }] of tree) {
      if (bytes !== undefined && (name === path || history.mixed.has(name))) versions.push(bytes);
    }
  }
  for (let at = 0; at < content.length; at += SECTOR) {
    const sector = content.subarray(at, Math.min(at + SECTOR, content.length));
    const isZero = sector.every((byte) => byte === 0);
    if (isZero || versions.some((bytes) => matches(sector, bytes, at))) continue;
    return `has at ${at} what was never in it`;
  }
  return undefined;
}

/** The sector as it was at that place in a version; what lay beyond the version's end is zero. */
function matches(sector: Uint8Array, version: Uint8Array, at: number): boolean {
  return sector.every((byte, index) => byte === (version[at + index] ?? 0));
}
