import { detectCompression, type CompressionType } from '../compression/index.ts';
import { latin1 } from '../bytes/text.ts';
import { GuestfsError } from '../errors/index.ts';
import { elfArchitecture } from '../formats/elf.ts';
import { peArchitecture } from '../formats/pe.ts';
import { decompressChunks } from '../vfs/decompress.ts';
import { initrdEntries } from '../vfs/cpio/initrd.ts';
import { isCpioHeader } from '../vfs/cpio/reader.ts';
import { S_IFMT, S_IFREG } from '../filesystems/mode.ts';
import { chunksOf, fileContent, type Content } from './content.ts';
import type { ActionContext } from './context.ts';

/** Enough for an ELF header, and for a PE header behind any usual stub. */
const HEAD_BYTES = 4096;

/** Members of an initial RAM disk that are programs. */
const PROGRAM = /^(?:usr\/)?s?bin\/./;

/**
 * The machine that a program, library, kernel module (compressed too), kernel or initial RAM disk is for, in
 * libguestfs's spelling. Throws EINVAL where that cannot be told.
 */
export function fileArchitecture(context: ActionContext, path: string): string {
  const content = fileContent(context, path);
  const head = firstBytes(content);
  const direct = architectureOf(head);
  if (direct !== undefined) return direct;
  const compression = detectCompression(head);
  if (isCpioHeader(head)) return initrdArchitecture(context, content);
  if (compression !== undefined) {
    const inside = firstDecompressed(context, content, compression);
    const found = architectureOf(inside);
    if (found !== undefined) return found;
    if (isCpioHeader(inside)) return initrdArchitecture(context, content);
  }
  throw new GuestfsError('EINVAL', `${path}: unknown architecture`, { path });
}

function architectureOf(head: Uint8Array): string | undefined {
  return elfArchitecture(head) ?? peArchitecture(head) ?? kernelArchitecture(head);
}

/**
 * Boot images that are no PE files: Linux/x86 boot protocol (Documentation/arch/x86/boot), where bit 0 of
 * xloadflags tells a 64-bit kernel since protocol 2.12; arm64 (booting.rst) and riscv (boot-image-header.rst) have
 * magics at 56.
 */
function kernelArchitecture(head: Uint8Array): string | undefined {
  if (head.length < 0x240) return undefined;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  if (latin1(head, 0x202, 0x206) === 'HdrS') {
    const wide = view.getUint16(0x206, true) >= 0x20c && (view.getUint16(0x236, true) & 1) !== 0;
    return wide ? 'x86_64' : 'i386';
  }
  const magic = latin1(head, 56, 60);
  if (magic === 'ARM\x64') return 'aarch64';
  if (magic === 'RSC\x05') return 'riscv64';
  return view.getUint32(36, true) === 0x016f2818 ? 'arm' : undefined;
}

function firstBytes(content: Content): Uint8Array {
  const head = new Uint8Array(HEAD_BYTES);
  return head.subarray(0, content.read(0, head));
}

function firstDecompressed(context: ActionContext, content: Content, type: CompressionType): Uint8Array {
  const head = new Uint8Array(HEAD_BYTES);
  let used = 0;
  for (const part of decompressChunks(type, chunksOf(context, content))) {
    const taken = part.subarray(0, head.length - used);
    head.set(taken, used);
    used += taken.length;
    if (used === head.length) break;
  }
  return head.subarray(0, used);
}

function initrdArchitecture(context: ActionContext, content: Content): string {
  for (const entry of initrdEntries(chunksOf(context, content))) {
    context.checkCancelled();
    if ((entry.mode & S_IFMT) !== S_IFREG || !PROGRAM.test(entry.name.replace(/^\.?\/+/, ''))) continue;
    const found = elfArchitecture(entry.content(HEAD_BYTES));
    if (found !== undefined) return found;
  }
  throw new GuestfsError('EINVAL', `${content.name}: no program in the archive tells its architecture`, {
    path: content.name,
  });
}
