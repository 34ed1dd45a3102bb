import type { BlockDevice } from '../../block/device.ts';
import type { ChainCache } from './chain.ts';
import type { DirectoryContext, Place } from './directory.ts';
import type { EntryReader } from './entry-reader.ts';
import type { Geometry } from './geometry.ts';
import type { FatOptions } from './options.ts';
import type { NameIndex } from '../name-index.ts';
import type { DirectorySectors } from './sectors.ts';
import type { FatTable } from './table.ts';

/** What an entry says of its file; good until the next call. */
export interface FileFacts {
  isDirectory: boolean;
  /** First cluster, 0 where there is none. */
  first: number;
  /** Bytes; of a directory 0. */
  size: number;
}

/** An open volume, as its reader and its writer share it. */
export interface FatVolume {
  readonly device: BlockDevice;
  readonly geometry: Geometry;
  readonly options: FatOptions;
  readonly table: FatTable;
  readonly chains: ChainCache;
  readonly sectors: DirectorySectors;
  readonly entries: EntryReader;
  readonly context: DirectoryContext;
  readonly names: NameIndex;
  /** Inode of the root directory, which has no entry. */
  readonly root: number;
  /** The volume said that it was not unmounted when it was opened. */
  readonly wasDirty: boolean;
  file(inode: number): FileFacts;
  place(inode: number): Place;
  lookup(directory: number, name: string): number;
  /** Names of a directory in the form in which they are compared, short ones too. */
  namesOf(directory: number): ReadonlyMap<string, number>;
  /** Drop what was kept of an inode whose entry changes. */
  changed(inode: number): void;
  /** Drop what was kept of a directory whose entries change; `moved` where its own entry came or went. */
  directoryChanged(inode: number, moved: boolean): void;
}
