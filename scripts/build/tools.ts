import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { buildParts } from './parts.ts';

/**
 * Names of the commands, out of package.json, so that none is built without being installed or the reverse; without
 * guestfsd, which is a bundle of its own (daemon.ts).
 */
function toolNames(root: string): string[] {
  const { bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    bin: Record<string, string>;
  };
  return Object.keys(bin).filter((name) => name !== 'guestfsd');
}

/** The records with their words are as large as all else together, and only help needs them: a file of their own. */
const wordsApart: Plugin = {
  name: 'words-apart',
  setup(builder) {
    builder.onResolve({ filter: /actions\/all\.ts$/ }, () => ({ path: './words.cjs', external: true }));
  },
};

const common = {
  bundle: true,
  format: 'cjs' as const,
  platform: 'node' as const,
  target: 'node20',
  // The start reads the bundle as one byte a character.
  charset: 'ascii' as const,
  minify: true,
  legalComments: 'none' as const,
  logLevel: 'warning' as const,
};

/** Bundle the tools and write the small files that npm links as commands. */
export async function buildTools(root: string): Promise<void> {
  const folder = join(root, 'dist', 'bin');
  mkdirSync(folder, { recursive: true });
  const parts = {
    ...common,
    external: ['koffi'],
    plugins: [wordsApart],
    // A script out of a code cache has no callback for import() (seen in Node 20.20): files apart are required.
    supported: { 'dynamic-import': false },
    // The library finds its worker beside itself; the tools run the engine in their own thread.
    define: { 'import.meta.url': 'importMetaUrl' },
    banner: { js: '(function(exports,require,module,importMetaUrl,loadRest){' },
    footer: { js: '})' },
  };
  await buildParts(root, parts, { core: join(folder, 'tools.cjs'), rest: join(folder, 'tools-rest.cjs') });
  await build({
    ...common,
    entryPoints: [join(root, 'src', 'actions', 'all.ts')],
    outfile: join(folder, 'words.cjs'),
  });
  await build({
    ...common,
    entryPoints: [join(root, 'scripts', 'build', 'start.cjs')],
    outfile: join(folder, 'start.cjs'),
  });
  for (const name of toolNames(root)) {
    const path = join(folder, `${name}.cjs`);
    writeFileSync(path, `#!/usr/bin/env node\nrequire('./start.cjs').start(${JSON.stringify(name)});\n`);
    chmodSync(path, 0o755);
  }
  // Tools that are interrupted by a person (guestfish at a terminal) have a worker; the bundle looks for it here.
  writeFileSync(join(folder, 'engine-worker.js'), "import '../backends/engine/engine-worker.js';\n");
  mkdirSync(join(folder, 'cache'));
  const image = join(root, 'examples', 'images', 'tiny-guest.qcow2');
  for (const run of warmUps(image)) writeCodeCache(join(folder, 'start.cjs'), run);
  const scratch = mkdtempSync(join(tmpdir(), 'guestfs-build-'));
  try {
    for (const run of writingWarmUps(image, scratch)) writeCodeCache(join(folder, 'start.cjs'), run);
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

/** The tools whose start matters most, each with a run that uses what such runs use. */
function warmUps(image: string): [string, ...string[]][] {
  return [
    ['guestfish', '--ro', '-i', '-a', image, 'll', '/'],
    ['guestfs', 'ls', image, '/'],
    ['virt-cat', '-a', image, '/etc/os-release'],
    ['virt-df', '-a', image],
    ['virt-filesystems', '-a', image, '--all', '--long'],
    ['virt-inspector', '-a', image],
    ['virt-ls', '-a', image, '-lR', '/'],
    ['virt-tar-out', '-a', image, '/etc', '/dev/null'],
  ];
}

/** The same of those that write, on a copy of the image and an empty disk in a folder. */
function writingWarmUps(image: string, folder: string): [string, ...string[]][] {
  const guest = join(folder, 'guest.qcow2');
  const disk = join(folder, 'disk.img');
  const input = join(folder, 'input');
  copyFileSync(image, guest);
  writeFileSync(disk, '');
  truncateSync(disk, 64 * 1024 * 1024);
  mkdirSync(input);
  for (const name of ['a', 'b', 'c']) writeFileSync(join(input, name), name.repeat(5000));
  const archive = join(folder, 'input.tar');
  const commands = [
    'run : mkfs ext4 /dev/sda : mount /dev/sda / : mkdir /d',
    `upload ${join(input, 'a')} /d/a : copy-in ${input} /d : tar-out /d ${archive} : tar-in ${archive} /`,
    'write /d/b text : chmod 0600 /d/b : chown 1 1 /d/b : ln-s b /d/l : mv /d/b /d/c : rm /d/c : rm-rf /d : umount-all',
  ];
  return [
    ['guestfish', '--rw', '--format=raw', '-a', disk, ...commands.join(' : ').split(' ')],
    ['virt-copy-in', '-a', guest, join(input, 'a'), '/etc'],
    ['virt-tar-in', '-a', guest, archive, '/etc'],
    ['virt-edit', '-a', guest, '/etc/hostname', '-e', 's/^/x/'],
    ['virt-customize', '-a', guest, '--write', '/etc/motd:text', '--mkdir', '/etc/made'],
    ['virt-make-fs', '--type=ext4', input, join(folder, 'made.img')],
  ];
}

function writeCodeCache(start: string, run: readonly string[]): void {
  const cached = spawnSync(process.execPath, [start, '--write-code-cache', ...run], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (cached.status !== 0) throw new Error(`the code cache of ${run[0]} could not be written`);
}
