/** ELF for 64-bit little-endian machines. Source: System V gABI, chapters 4 and 5; field names are the gABI's. */
import { bits64, layout, u16, u32, u64 } from '../../../bytes/layout.ts';

/** The file header. */
export const Elf64Header = layout('Elf64_Ehdr', 64, 'le', {
  e_machine: u16(18),
  e_phoff: u64(32),
  e_phentsize: u16(54),
  e_phnum: u16(56),
});

/** A program header. */
export const ProgramHeader = layout('Elf64_Phdr', 56, 'le', {
  p_type: u32(0),
  p_offset: u64(8),
  p_vaddr: u64(16),
  p_filesz: u64(32),
});

/** An entry of the dynamic section; tags of machines and systems have high bits set. */
export const DynamicEntry = layout('Elf64_Dyn', 16, 'le', {
  d_tag: bits64(0),
  d_val: bits64(8),
});

export const EI_CLASS = 4;
export const EI_DATA = 5;
export const ELFCLASS64 = 2;
export const ELFDATA2LSB = 1;

export const PT_LOAD = 1;
export const PT_DYNAMIC = 2;
export const PT_INTERP = 3;

export const DT_NULL = 0;
export const DT_NEEDED = 1;
export const DT_STRTAB = 5;
export const DT_STRSZ = 10;
export const DT_RPATH = 15;
export const DT_RUNPATH = 29;
