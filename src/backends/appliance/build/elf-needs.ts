/** Which shared libraries a program wants: what ldd(1) would ask the dynamic linker, read from the file itself. */
import { closeSync, openSync, readSync } from 'node:fs';
import type { ViewOf } from '../../../bytes/layout.ts';
import { decodeText } from '../../../bytes/text.ts';
import { CorruptError } from '../../../errors/index.ts';
import { hostError } from '../../io/host-error.ts';
import {
  DT_NEEDED,
  DT_NULL,
  DT_RPATH,
  DT_RUNPATH,
  DT_STRSZ,
  DT_STRTAB,
  DynamicEntry,
  EI_CLASS,
  EI_DATA,
  Elf64Header,
  ELFCLASS64,
  ELFDATA2LSB,
  ProgramHeader,
  PT_DYNAMIC,
  PT_INTERP,
  PT_LOAD,
} from './elf-layout.ts';

/** What the header of a program or library asks for. */
export interface ElfNeeds {
  /** e_machine: 62 is x86_64, 183 aarch64. */
  machine: number;
  /** Path of the dynamic linker; absent for libraries and for static programs. */
  interpreter?: string;
  /** Names of libraries, as in `libc.so.6`. */
  needed: string[];
  /** Folders of its own to search, with `$ORIGIN` as it stands there. */
  searchPaths: string[];
}

/** No file of a host has more; a header that says so is damaged. */
const MAX_PROGRAM_HEADERS = 1024;
const MAX_SECTION = 16 * 1024 * 1024;

type ReadAt = (offset: number, length: number, what: string) => Uint8Array;

/**
 * What a file of the host needs, or undefined where it is no 64-bit little-endian ELF file (a script, another
 * machine's). Throws EUCLEAN where the header contradicts itself, and what opening throws.
 */
export function elfNeeds(path: string): ElfNeeds | undefined {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    throw hostError(error, 'cannot read the program', path);
  }
  try {
    return readNeeds((offset, length, what) => {
      const bytes = new Uint8Array(length);
      let filled = 0;
      while (filled < length) {
        const count = readSync(fd, bytes, filled, length - filled, offset + filled);
        if (count === 0) {
          throw new CorruptError(what, `${path}: needs ${length} bytes at ${offset}, found ${filled}`, {
            offset,
          });
        }
        filled += count;
      }
      return bytes;
    });
  } catch (error) {
    if (error instanceof CorruptError && error.structure === 'Elf64_Ehdr') return undefined;
    throw error;
  } finally {
    closeSync(fd);
  }
}

function readNeeds(readAt: ReadAt): ElfNeeds | undefined {
  const start = readAt(0, Elf64Header.size, 'Elf64_Ehdr');
  const isElf = start[0] === 0x7f && start[1] === 0x45 && start[2] === 0x4c && start[3] === 0x46;
  if (!isElf || start[EI_CLASS] !== ELFCLASS64 || start[EI_DATA] !== ELFDATA2LSB) return undefined;
  const header = Elf64Header.view(start);
  const programs = readPrograms(readAt, header);
  const needs: ElfNeeds = { machine: header.e_machine, needed: [], searchPaths: [] };
  for (const { p_type, p_offset, p_filesz } of programs) {
    if (p_type === PT_INTERP) needs.interpreter = text(section(readAt, p_offset, p_filesz, 'PT_INTERP'), 0);
    else if (p_type === PT_DYNAMIC) {
      readDynamic(section(readAt, p_offset, p_filesz, 'PT_DYNAMIC'), programs, readAt, needs);
    }
  }
  return needs;
}

function readPrograms(
  readAt: ReadAt,
  header: ViewOf<typeof Elf64Header>,
): readonly ViewOf<typeof ProgramHeader>[] {
  const { e_phoff, e_phentsize, e_phnum } = header;
  if (e_phnum === 0) return [];
  if (e_phentsize !== ProgramHeader.size || e_phnum > MAX_PROGRAM_HEADERS) {
    throw new CorruptError(
      'Elf64_Phdr',
      `${e_phnum} program headers of ${e_phentsize} bytes, expected at most ${MAX_PROGRAM_HEADERS} of ${ProgramHeader.size}`,
    );
  }
  const table = readAt(e_phoff, e_phnum * e_phentsize, 'Elf64_Phdr');
  return Array.from({ length: e_phnum }, (_, index) => ProgramHeader.view(table, index * e_phentsize));
}

function section(readAt: ReadAt, offset: number, length: number, what: string): Uint8Array {
  if (length > MAX_SECTION) {
    throw new CorruptError(what, `has ${length} bytes, expected at most ${MAX_SECTION}`, { offset });
  }
  return readAt(offset, length, what);
}

function readDynamic(
  table: Uint8Array,
  programs: readonly ViewOf<typeof ProgramHeader>[],
  readAt: ReadAt,
  needs: ElfNeeds,
): void {
  const names: number[] = [];
  const paths: number[] = [];
  let stringsAddress = 0;
  let stringsSize = 0;
  for (let at = 0; at + DynamicEntry.size <= table.length; at += DynamicEntry.size) {
    const entry = DynamicEntry.view(table, at);
    const d_tag = Number(entry.d_tag);
    const d_val = Number(entry.d_val);
    if (d_tag === DT_NULL) break;
    if (d_tag === DT_NEEDED) names.push(d_val);
    else if (d_tag === DT_RPATH || d_tag === DT_RUNPATH) paths.push(d_val);
    else if (d_tag === DT_STRTAB) stringsAddress = d_val;
    else if (d_tag === DT_STRSZ) stringsSize = d_val;
  }
  if (names.length === 0 && paths.length === 0) return;
  const home = programs.find(
    ({ p_type, p_vaddr, p_filesz }) =>
      p_type === PT_LOAD && p_vaddr <= stringsAddress && stringsAddress + stringsSize <= p_vaddr + p_filesz,
  );
  if (home === undefined) {
    throw new CorruptError('DT_STRTAB', `the address ${stringsAddress} is in no loaded part of the file`);
  }
  const place = stringsAddress - home.p_vaddr + home.p_offset;
  const strings = section(readAt, place, stringsSize, 'DT_STRTAB');
  needs.needed = names.map((at) => text(strings, at));
  needs.searchPaths = paths.flatMap((at) => text(strings, at).split(':')).filter((path) => path !== '');
}

function text(bytes: Uint8Array, at: number): string {
  const end = at < 0 ? -1 : bytes.indexOf(0, at);
  if (end < 0) throw new CorruptError('DT_STRTAB', `there is no name at ${at} of ${bytes.length} bytes`);
  return decodeText(bytes.subarray(at, end));
}
