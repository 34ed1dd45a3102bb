import { BOOT_SIGNATURE, BootSector } from '../layout.ts';
import type { FatPlan } from './plan.ts';

/** Where a BIOS loads a boot sector. */
const LOADED_AT = 0x7c00;
/** Where the code starts: behind the fields. */
const CODE = 62;
const CODE_32 = 90;
const MESSAGE =
  'There is no operating system on this volume.\r\nRemove it and start the machine again.\r\n\0';
/** FAT32: sectors of the root's copy and the information sector. */
export const BACKUP_SECTOR = 6;
export const INFORMATION_SECTOR = 1;
const EXTENDED_SIGNATURE = 0x29;

/** x86 code that prints the text that follows it and stops; `at` is where it lies in the sector. */
function bootCode(at: number): Uint8Array {
  const code = [
    0x31, 0xc0, 0x8e, 0xd8, // xor ax, ax; mov ds, ax
    0xbe, 0, 0, // mov si, text
    0xfc, // cld
    0xac, 0x84, 0xc0, // next: lodsb; test al, al
    0x74, 0x09, // jz stop
    0xb4, 0x0e, 0xbb, 0x07, 0x00, 0xcd, 0x10, // mov ah, 14; mov bx, 7; int 16
    0xeb, 0xf2, // jmp next
    0xf4, 0xeb, 0xfd, // stop: hlt; jmp stop
  ]; // prettier-ignore
  const text = LOADED_AT + at + code.length;
  code[5] = text & 0xff;
  code[6] = text >> 8;
  return Uint8Array.from([...code, ...bytesOf(MESSAGE)]);
}

function bytesOf(text: string): number[] {
  return Array.from(text, (character) => character.charCodeAt(0));
}

/** The first sector of a volume; `label` has its 11 bytes. */
export function bootSector(plan: FatPlan, label: Uint8Array, serial: number): Uint8Array {
  const sector = new Uint8Array(BootSector.size);
  const boot = BootSector.view(sector);
  const is32 = plan.fatBits === 32;
  const code = is32 ? CODE_32 : CODE;
  boot.BS_jmpBoot = Uint8Array.of(0xeb, code - 2, 0x90);
  // Some systems look at this name before they believe the rest.
  boot.BS_OEMName = Uint8Array.from(bytesOf('mkfs.fat'));
  boot.BPB_BytsPerSec = plan.sectorSize;
  boot.BPB_SecPerClus = plan.sectorsPerCluster;
  boot.BPB_RsvdSecCnt = plan.reserved;
  boot.BPB_NumFATs = plan.fats;
  boot.BPB_RootEntCnt = plan.rootEntries;
  if (plan.total < 0x10000) boot.BPB_TotSec16 = plan.total;
  else boot.BPB_TotSec32 = plan.total;
  boot.BPB_Media = plan.media;
  boot.BPB_SecPerTrk = plan.sectorsPerTrack;
  boot.BPB_NumHeads = plan.heads;
  boot.BPB_HiddSec = plan.hidden;
  if (is32) {
    boot.BPB_FATSz32 = plan.fatLength;
    boot.BPB_RootClus = 2;
    boot.BPB_FSInfo = INFORMATION_SECTOR;
    boot.BPB_BkBootSec = backupSector(plan);
    boot.BS_DrvNum_32 = plan.drive;
    boot.BS_BootSig_32 = EXTENDED_SIGNATURE;
    boot.BS_VolID_32 = serial;
    boot.BS_VolLab_32 = label;
    boot.BS_FilSysType_32 = Uint8Array.from(bytesOf('FAT32   '));
  } else {
    boot.BPB_FATSz16 = plan.fatLength;
    boot.BS_DrvNum = plan.drive;
    boot.BS_BootSig = EXTENDED_SIGNATURE;
    boot.BS_VolID = serial;
    boot.BS_VolLab = label;
    boot.BS_FilSysType = Uint8Array.from(bytesOf(`FAT${plan.fatBits}   `));
  }
  sector.set(bootCode(code), code);
  boot.Signature_word = BOOT_SIGNATURE;
  return sector;
}

/** Where the copy of the boot sector goes; 0 where there is no room for one. */
export function backupSector(plan: FatPlan): number {
  if (plan.reserved > BACKUP_SECTOR) return BACKUP_SECTOR;
  if (plan.reserved <= INFORMATION_SECTOR + 1) return 0;
  // With room for a copy of the information sector behind it, where there is any.
  return Math.max(INFORMATION_SECTOR + 1, plan.reserved - 2);
}
