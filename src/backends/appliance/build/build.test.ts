import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { hasTool, needsTool, run, temporaryFolder } from '../../../../test/support/tools.ts';
import { buildInto } from './build.ts';
import { applianceCache, CURRENT, dropCache, keepValue, listCache, madeOnce, tidyCache } from './cache.ts';
import { cpioOf } from './cpio.ts';
import { elfNeeds } from './elf-needs.ts';
import { FileSet } from './file-set.ts';
import { chooseKernel } from './kernel-choice.ts';
import { unpackKernel } from './kernel-image.ts';
import { LibraryFinder } from './libraries.ts';
import { readLibraryCache } from './library-cache.ts';
import { ModuleIndex, moduleName, unsignedLength } from './modules.ts';
import type { AppliancePlan } from './plan.ts';
import { rootImageSize, writeRootImage } from './root-image.ts';

const linux = process.platform === 'linux' ? false : 'needs ELF programs of a Linux host';
const kernels = existsSync('/lib/modules')
  ? readdirSync('/lib/modules').filter((version) => existsSync(`/lib/modules/${version}/modules.dep`))
  : [];
const needsModules = kernels.length > 0 ? false : 'no kernel with modules is installed';
const kernelFile = kernels.map((version) => `/boot/vmlinuz-${version}`).find((path) => existsSync(path));

let folder: { path: string; remove: () => void };
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());

describe('libraries of programs', { skip: linux }, () => {
  test('a program needs what readelf says', { skip: needsTool('readelf') }, () => {
    for (const path of [process.execPath, '/bin/sh', '/usr/bin/env']) {
      const text = run('readelf', '-dlW', path);
      const needed = [...text.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map((match) => match[1]);
      assert.deepEqual(elfNeeds(path)?.needed, needed, path);
      assert.equal(elfNeeds(path)?.interpreter, /interpreter: (.*)\]/.exec(text)?.[1], path);
    }
  });

  test('all libraries that ldd finds are found', { skip: needsTool('ldd') }, () => {
    const finder = new LibraryFinder();
    for (const path of [process.execPath, '/bin/ls', '/bin/mount'].filter((name) => existsSync(name))) {
      const names = [...run('ldd', path).matchAll(/^\s*(\S+) => \//gm)].map((match) => match[1] as string);
      const { paths, missing } = finder.dependencies(path);
      assert.deepEqual(missing, []);
      for (const name of names)
        assert.ok(
          paths.some((found) => found.endsWith(`/${name}`)),
          `${path}: ${name}`,
        );
    }
  });

  test('scripts and damaged files', () => {
    const script = join(folder.path, 'script');
    writeFileSync(script, '#!/bin/sh\n');
    assert.equal(elfNeeds(script), undefined);
    const program = readFileSync(process.execPath).subarray(0, 4096);
    const cut = join(folder.path, 'cut');
    writeFileSync(cut, program);
    assert.throws(() => elfNeeds(cut), { code: 'EUCLEAN' });
    const many = Buffer.from(program);
    many.writeUInt16LE(0xffff, 56);
    writeFileSync(cut, many);
    assert.throws(() => elfNeeds(cut), { code: 'EUCLEAN', message: /65535 program headers/ });
    assert.throws(() => elfNeeds(join(folder.path, 'none')), { code: 'ENOENT' });
  });

  test('the list of ldconfig', { skip: needsTool('ldconfig') }, () => {
    const listed = [...run('ldconfig', '-p').matchAll(/^\t(\S+) \(libc6[^)]*\) => (.*)$/gm)];
    const cache = readLibraryCache(readFileSync('/etc/ld.so.cache'));
    for (const [, name, path] of listed) {
      if (path?.includes('glibc-hwcaps')) continue;
      assert.ok(cache.get(name as string)?.includes(path as string), name);
    }
    assert.equal(readLibraryCache(new Uint8Array(100)).size, 0);
  });
});

describe('kernel modules', { skip: needsModules }, () => {
  const modules = `/lib/modules/${kernels[0]}`;

  test('a closure has each module after what it needs', () => {
    const index = new ModuleIndex(modules);
    const paths = index.closure(['ext4', 'virtio_scsi', 'xfs', 'btrfs'].filter((name) => index.has(name)));
    const places = new Map(paths.map((path, place) => [moduleName(path), place]));
    for (const line of readFileSync(join(modules, 'modules.dep'), 'utf8').split('\n')) {
      const [path = '', needs = ''] = line.split(':');
      const place = places.get(moduleName(path));
      if (place === undefined) continue;
      for (const needed of needs.split(' ').filter(Boolean)) {
        assert.ok((places.get(moduleName(needed)) as number) < place, `${path} before ${needed}`);
      }
    }
  });

  test('modprobe agrees', { skip: needsTool('modprobe') }, () => {
    const index = new ModuleIndex(modules);
    const name = ['ext4', 'xfs', 'virtio_scsi'].find((candidate) => index.has(candidate));
    assert.ok(name !== undefined);
    const shown = run('modprobe', '-S', kernels[0] as string, '--show-depends', name);
    const wanted = [...shown.matchAll(/^insmod (\S+)/gm)].map((match) => moduleName(match[1] as string));
    const found = index.closure([name]).map(moduleName);
    for (const module of wanted) assert.ok(found.includes(module), module);
  });
});

describe('kernels', () => {
  test(
    'a bzImage is unpacked',
    { skip: kernelFile === undefined ? 'no /boot/vmlinuz of a kernel with modules' : false },
    () => {
      const file = readFileSync(kernelFile as string);
      const { bytes, direct } = unpackKernel(file);
      if (!direct) return assert.deepEqual(bytes, new Uint8Array(file));
      assert.equal(Buffer.from(bytes.subarray(0, 4)).toString('latin1'), '\x7fELF');
      return assert.ok(bytes.length > file.length);
    },
  );

  test('a file of our own making', () => {
    const elf = Buffer.alloc(4096);
    elf.write('\x7fELF', 0, 'latin1');
    const packed = gzipSync(elf);
    const setup = Buffer.alloc(1024);
    setup.writeUInt8(1, 0x1f1);
    setup.write('HdrS', 0x202);
    setup.writeUInt16LE(0x20f, 0x206);
    setup.writeUInt32LE(packed.length, 0x24c);
    const file = Buffer.concat([setup, packed]);
    assert.equal(unpackKernel(file).direct, false, 'an ELF file without the note is not taken');
    Buffer.from([4, 0, 0, 0, 8, 0, 0, 0, 18, 0, 0, 0, 0x58, 0x65, 0x6e, 0]).copy(elf, 512);
    const bootable = gzipSync(elf);
    setup.writeUInt32LE(bootable.length, 0x24c);
    const unpacked = unpackKernel(Buffer.concat([setup, bootable]));
    assert.ok(unpacked.direct && elf.equals(unpacked.bytes));
    setup.writeUInt32LE(1 << 20, 0x24c);
    assert.throws(() => unpackKernel(Buffer.concat([setup, bootable])), { code: 'EUCLEAN' });
    assert.equal(unpackKernel(new Uint8Array(10)).direct, false);
  });

  test('the newest with modules is chosen', () => {
    const [boot, modules] = [join(folder.path, 'boot'), join(folder.path, 'modules')];
    mkdirSync(boot);
    const add = (version: string, withModules = true): void => {
      writeFileSync(join(boot, `vmlinuz-${version}`), '');
      mkdirSync(join(modules, version), { recursive: true });
      if (withModules) writeFileSync(join(modules, version, 'modules.dep'), '');
    };
    const places = { boot, modules: [modules] };
    assert.throws(() => chooseKernel(undefined, places), { code: 'ENOENT', message: /no kernel/ });
    for (const version of ['6.1.0-9-amd64', '6.1.0-56-amd64', '6.12.0-rescue']) add(version);
    add('6.13.0-1-amd64', false);
    assert.equal(chooseKernel(undefined, places).version, '6.1.0-56-amd64');
    assert.equal(chooseKernel(join(boot, 'vmlinuz-6.1.0-9-amd64'), places).version, '6.1.0-9-amd64');
    assert.throws(() => chooseKernel(join(boot, 'vmlinuz-6.13.0-1-amd64'), places), { code: 'ENOENT' });
    assert.throws(() => chooseKernel(join(boot, 'none'), places), { code: 'ENOENT' });
  });
});

describe('files of the appliance', () => {
  const sample = (): FileSet => {
    const source = join(folder.path, 'source');
    writeFileSync(source, 'x'.repeat(100_000), { mode: 0o755 });
    const files = new FileSet();
    files.content('/etc/made', 'made\n');
    files.file('/usr/bin/tool', source);
    files.link('/bin', 'usr/bin');
    return files;
  };

  test('every link on the way to a file of the host is kept', () => {
    mkdirSync(join(folder.path, 'real'));
    writeFileSync(join(folder.path, 'real', 'library.1'), 'x');
    symlinkSync('library.1', join(folder.path, 'real', 'library'));
    symlinkSync('real', join(folder.path, 'alias'));
    const files = new FileSet();
    files.host(join(folder.path, 'alias', 'library'));
    const kinds = Object.fromEntries(
      files.entries().map(([path, { kind }]) => [path.slice(folder.path.length), kind]),
    );
    assert.deepEqual(
      [kinds['/alias'], kinds['/real'], kinds['/real/library'], kinds['/real/library.1']],
      ['link', 'directory', 'link', 'file'],
    );
    symlinkSync('loop', join(folder.path, 'loop'));
    assert.throws(() => files.host(join(folder.path, 'loop')), { code: 'ELOOP' });
    assert.throws(() => files.host(join(folder.path, 'none')), { code: 'ENOENT' });
  });

  test('the initrd is a cpio archive', { skip: needsTool('cpio') }, () => {
    const { stdout } = spawnSync('cpio', ['-tv', '--quiet'], { input: cpioOf(sample()), encoding: 'utf8' });
    const lines = stdout.split('\n');
    assert.ok(lines.some((line) => /^drwxr-xr-x.* etc$/.test(line)));
    assert.ok(lines.some((line) => /^-rwxr-xr-x.* 100000 .* usr\/bin\/tool$/.test(line)));
    assert.ok(lines.some((line) => line.endsWith(' bin -> usr/bin')));
  });

  test('the root is a clean filesystem with them', { skip: needsTool('e2fsck', 'debugfs') }, () => {
    const files = sample();
    const image = join(folder.path, 'root');
    writeRootImage(image, files, rootImageSize(files), new Uint8Array(16).fill(7));
    assert.equal(spawnSync('e2fsck', ['-fn', image]).status, 0);
    assert.equal(run('debugfs', '-R', 'cat /etc/made', image), 'made\n');
    assert.match(run('debugfs', '-R', 'stat /usr/bin/tool', image), /Mode: {2}0755[\s\S]*Size: 100000/);
    if (hasTool('blkid')) assert.match(run('blkid', '-p', image), /UUID="07070707-0707/);
  });
});

test('a module is taken without its signature', () => {
  const module = Buffer.from('the module itself');
  const signature = Buffer.alloc(300, 7);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(signature.length);
  const end = Buffer.concat([Buffer.alloc(8, 2), length, Buffer.from('~Module signature appended~\n')]);
  const path = join(folder.path, 'x.ko');
  const lengthOf = (...parts: Uint8Array[]): number => {
    writeFileSync(path, Buffer.concat(parts));
    return unsignedLength(path);
  };
  assert.equal(lengthOf(module, signature, end), module.length);
  // What has none, and what only looks as if it had one.
  assert.equal(lengthOf(module), module.length);
  assert.equal(lengthOf(module, Buffer.alloc(100)), module.length + 100);
  assert.equal(lengthOf(signature, end), signature.length + end.length);
  const files = new FileSet();
  lengthOf(module, signature, end);
  files.file('/x.ko', path, module.length);
  assert.match(Buffer.from(cpioOf(files)).toString('latin1'), /the module itself\0/);
  assert.equal(files.size, module.length);
});

test('a folder that holds something else is not built into', () => {
  const target = join(folder.path, 'mine');
  mkdirSync(target);
  writeFileSync(join(target, 'kernel'), 'mine');
  // Nothing of the plan is looked at.
  assert.throws(() => buildInto(target, {} as AppliancePlan), { code: 'EEXIST', path: target });
  assert.equal(readFileSync(join(target, 'kernel'), 'utf8'), 'mine');
  assert.deepEqual(readdirSync(folder.path), ['mine']);
});

describe('cache', () => {
  test('of several that want the same folder one makes it', async () => {
    const cache = applianceCache(folder.path);
    const target = join(cache, 'appliance-0');
    let made = 0;
    const want = (): Promise<void> =>
      madeOnce(cache, target, async (unfinished) => {
        made++;
        await new Promise((resolve) => setTimeout(resolve, 20));
        writeFileSync(join(unfinished, 'done'), '');
      });
    await Promise.all([want(), want(), want()]);
    await want();
    assert.equal(made, 1);
    assert.deepEqual(readdirSync(cache), ['appliance-0']);
  });

  test('one that fails leaves nothing, and the next tries again; a dead one is taken over from', async () => {
    const cache = applianceCache(folder.path);
    const target = join(cache, 'appliance-1');
    await assert.rejects(
      madeOnce(cache, target, () => {
        throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
      }),
      { code: 'ENOSPC', message: /^.*guestfs-appliance.*: cannot make.*LIBGUESTFS_CACHEDIR.*no space/ },
    );
    assert.deepEqual(readdirSync(cache), []);
    const dead = spawnSync('true').pid;
    writeFileSync(`${target}.lock`, `${dead}\n`);
    mkdirSync(join(cache, `building-${dead}-1`));
    await madeOnce(cache, target, () => {});
    tidyCache(cache, target, 14);
    assert.deepEqual(readdirSync(cache), ['appliance-1']);
  });

  test(
    'a lock whose number is another process by now is taken over',
    { skip: existsSync('/proc/self/stat') ? false : 'needs /proc' },
    async () => {
      const cache = applianceCache(folder.path);
      const target = join(cache, 'appliance-2');
      // This process runs, but was not started then.
      writeFileSync(`${target}.lock`, `${process.pid} 1\n`);
      await madeOnce(cache, target, () => {});
      assert.deepEqual(readdirSync(cache), ['appliance-2']);
    },
  );

  test('two that make the same at the same time do not disturb each other', async () => {
    const cache = applianceCache(folder.path);
    const target = join(cache, 'appliance-3');
    await madeOnce(cache, target, () => {
      mkdirSync(target);
      writeFileSync(join(target, 'theirs'), '');
    });
    assert.deepEqual(readdirSync(cache), ['appliance-3']);
    assert.deepEqual(readdirSync(target), ['theirs']);
  });

  test('what is old or of the dead is tidied up, what is used and strange stays', () => {
    const cache = applianceCache(folder.path);
    const dead = spawnSync('true').pid;
    const old = new Date(Date.now() - 20 * 86_400_000);
    const [stale, fresh] = ['0123456789abcdef', 'fedcba9876543210'];
    for (const name of [`appliance-${stale}`, `machine-${stale}`, `machine-${fresh}`, 'notes'])
      mkdirSync(join(cache, name));
    for (const key of [stale, fresh]) keepValue(join(cache, `hypervisor-${key}.json`), {});
    for (const name of [`appliance-${stale}`, `machine-${stale}`, `hypervisor-${stale}.json`, 'notes'])
      utimesSync(join(cache, name), old, old);
    mkdirSync(join(cache, `machine-${stale}.gone-${dead}`));
    writeFileSync(join(cache, `current.json.1.${dead}.part`), '');
    writeFileSync(join(cache, `current.json.1.${process.pid}.part`), '');
    writeFileSync(join(cache, 'appliance-1.lock'), `${dead} 1\n`);
    tidyCache(cache, '', 14);
    assert.deepEqual(readdirSync(cache).toSorted(), [
      `current.json.1.${process.pid}.part`,
      `hypervisor-${fresh}.json`,
      `machine-${fresh}`,
      'notes',
    ]);
    assert.deepEqual(
      listCache(folder.path).map((kept) => kept.folder),
      [join(cache, `machine-${fresh}`)],
    );
    keepValue(join(cache, CURRENT), {});
    dropCache(folder.path);
    assert.deepEqual(readdirSync(cache).toSorted(), [`current.json.1.${process.pid}.part`, 'notes']);
  });

  test('a folder that others may enter is refused', () => {
    const name = `.guestfs-appliance-${process.getuid?.() ?? 0}`;
    mkdirSync(join(folder.path, name), { mode: 0o755 });
    assert.throws(() => applianceCache(folder.path), { code: 'EPERM' });
  });
});
