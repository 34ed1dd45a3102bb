/**
 * Asks stock libguestfs what it says of the guests in `guests.ts` and writes `stock.json`:
 * `tsx src/inspect/golden/ask-stock.ts [/usr/bin/guestfish]`. Needs mke2fs and guestfish; takes minutes without KVM.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { GUESTS, type Files } from './guests.ts';

const QUESTIONS = [
  'inspect-get-type',
  'inspect-get-distro',
  'inspect-get-major-version',
  'inspect-get-minor-version',
  'inspect-get-product-name',
  'inspect-get-product-variant',
  'inspect-get-arch',
  'inspect-get-hostname',
  'inspect-get-package-format',
  'inspect-get-package-management',
  'inspect-get-osinfo',
  'inspect-get-mountpoints',
  'inspect-get-filesystems',
  'inspect-list-applications2',
] as const;

function writeTree(folder: string, files: Files): void {
  for (const [path, node] of Object.entries(files)) {
    const host = join(folder, path);
    mkdirSync(dirname(host), { recursive: true });
    if (typeof node === 'string' || node instanceof Uint8Array) writeFileSync(host, node);
    else if ('link' in node) symlinkSync(node.link, host);
    else mkdirSync(host, { recursive: true });
  }
}

/** /dev/sda, ..., /dev/sdz, /dev/sdaa, ... */
function driveName(index: number): string {
  let name = '';
  for (let n = index + 1; n > 0; n = Math.floor((n - 1) / 26)) {
    name = String.fromCharCode(97 + ((n - 1) % 26)) + name;
  }
  return `/dev/sd${name}`;
}

/** Drives of one appliance: with more of them, each mount takes ever longer under emulation. */
const BATCH = 20;

type Answers = Record<string, Record<string, string>>;

function ask(guestfish: string, work: string, names: readonly string[]): Answers {
  const images = names.map((name) => {
    const tree = join(work, name);
    const image = join(work, `${name}.img`);
    mkdirSync(tree);
    writeTree(tree, GUESTS[name]!);
    execFileSync('mke2fs', ['-q', '-t', 'ext2', '-b', '1024', '-d', tree, image, '2M']);
    return image;
  });
  const script = ['run', 'echo ROOTS', 'inspect-os'];
  names.forEach((name, i) => {
    const device = driveName(i);
    script.push(`echo GUEST ${name}`, `-mount-ro ${device} /`);
    for (const question of QUESTIONS) script.push(`echo ANSWER ${question}`, `-${question} ${device}`);
    script.push('-umount-all');
  });
  const run = spawnSync(guestfish, ['--ro', ...images.flatMap((image) => ['-a', image])], {
    input: `${script.join('\n')}\n`,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    env: { ...process.env, LIBGUESTFS_BACKEND: 'direct', LIBGUESTFS_BACKEND_SETTINGS: 'force_tcg' },
  });
  if (run.status !== 0) throw new Error(`guestfish failed: ${run.stderr}`);
  process.stderr.write(run.stderr);
  const answers: Answers = {};
  const [rootPart, ...guestParts] = run.stdout.split(/^GUEST /m);
  const roots = new Set(rootPart!.split('\n'));
  guestParts.forEach((part, i) => {
    const [head, ...sections] = part.split(/^ANSWER /m);
    if (!roots.has(driveName(i))) return;
    const record: Record<string, string> = {};
    for (const section of sections) {
      const end = section.indexOf('\n');
      record[section.slice(0, end)] = section
        .slice(end + 1)
        .trimEnd()
        .replaceAll(driveName(i), 'ROOT');
    }
    answers[head!.trim()] = record;
  });
  return answers;
}

const guestfish = process.argv[2] ?? '/usr/bin/guestfish';
const all = Object.keys(GUESTS);
const answers: Answers = {};
for (let at = 0; at < all.length; at += BATCH) {
  const work = mkdtempSync(join(tmpdir(), 'ask-stock-'));
  try {
    Object.assign(answers, ask(guestfish, work, all.slice(at, at + BATCH)));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  writeFileSync(join(import.meta.dirname, 'stock.json'), `${JSON.stringify(answers, null, 1)}\n`);
}
