import { spawnSync } from 'node:child_process';
import { closeSync, copyFileSync, mkdirSync, openSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './tools.ts';

/** A small generator of numbers that are the same in every run. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 0x100000000;
  };
}

/** Make a folder of files of all kinds and sizes, the same in every run. */
export function makeTree(folder: string, files: number): void {
  const random = seeded(files);
  const folders = [folder];
  mkdirSync(folder, { recursive: true });
  for (let i = 0; i < 8; i++) {
    const path = join(folders[Math.floor(random() * folders.length)]!, `folder-${i}`);
    mkdirSync(path);
    folders.push(path);
  }
  for (let i = 0; i < files; i++) {
    const sizes = [0, 20, 700, 3000, 9000, 60_000, 150_000];
    const content = new Uint8Array(sizes[Math.floor(random() * sizes.length)]!);
    for (let at = 0; at < content.length; at++) content[at] = random() * 256;
    writeFileSync(join(folders[Math.floor(random() * folders.length)]!, `file-${i}`), content);
  }
  const many = join(folder, 'many');
  mkdirSync(many);
  for (let i = 0; i < 300; i++) writeFileSync(join(many, `a-name-of-some-length-${i}`), '');
}

/** Make an image of `bytes` with mke2fs, filled from a folder if one is given. */
export function makeExt(image: string, bytes: number, options: readonly string[], folder?: string): void {
  closeSync(openSync(image, 'w'));
  truncateSync(image, bytes);
  run('mke2fs', '-q', '-F', ...(folder === undefined ? [] : ['-d', folder]), ...options, image);
}

/** Status and output of `e2fsck -fn`. */
export function e2fsck(image: string): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync('e2fsck', ['-fn', image], { encoding: 'utf8' });
  return { status, output: stdout + stderr };
}

/** Run commands of debugfs that change an image. */
export function debugfs(image: string, ...commands: readonly string[]): void {
  for (const command of commands) run('debugfs', '-w', '-R', command, image);
}

/** A copy of an image. */
export function copyOf(image: string, name: string): string {
  copyFileSync(image, name);
  return name;
}
