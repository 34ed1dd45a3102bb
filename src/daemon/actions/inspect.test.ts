import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { engineDaemon, TINY_GUEST } from '../../../test/support/engine-daemon.ts';
import {
  type FakeContent,
  inspectionPlatform,
  memoryGuest,
} from '../../../test/support/inspection-platform.ts';
import type { Application, Application2 } from '../../actions/generated/structs.ts';
import { elf, type Files, GUESTS } from '../../inspect/golden/guests.ts';
import { Daemon } from '../daemon.ts';
import { implementations } from '../registry.ts';

interface Session {
  call(name: string, ...args: unknown[]): unknown;
  icon(root: string, options?: object): Uint8Array;
  warnings: string[];
}

function session(contents: Record<string, FakeContent>): Session {
  const warnings: string[] = [];
  const { platform } = inspectionPlatform(contents);
  const daemon = new Daemon(
    platform,
    {
      warn: (message) => warnings.push(message),
      progress() {},
      checkCancelled() {},
    },
    implementations,
  );
  return {
    call: (name, ...args) => daemon.call(name, args),
    icon: (root, options = {}) => daemon.call('inspect_get_icon', [root], options) as Uint8Array,
    warnings,
  };
}

const guest = (files: Files): FakeContent => ({ type: 'ext4', fs: memoryGuest(files) });

/** What stock libguestfs listed of the same guests. */
const STOCK = JSON.parse(
  readFileSync(new URL('../../inspect/golden/stock.json', import.meta.url), 'utf8'),
) as Record<string, Record<string, string>>;

/** guestfish's print of a list of structs as objects. */
function parseStructs(text: string): Record<string, string>[] {
  return text
    .split(/^\[\d+\] = \{\n/m)
    .slice(1)
    .map((block) => {
      const fields: Record<string, string> = {};
      let key = '';
      for (const line of block.replace(/\n\}\s*$/, '').split('\n')) {
        const match = /^ {2}(app2_\w+): ?(.*)$/.exec(line);
        if (match) fields[(key = match[1] as string)] = match[2] as string;
        else fields[key] += `\n${line}`;
      }
      return fields;
    });
}

function snake(application: Application2): Record<string, string> {
  return Object.fromEntries(
    Object.entries(application).map(([key, value]) => [
      key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      String(value),
    ]),
  );
}

function golden(name: string): Uint8Array {
  return new Uint8Array(
    gunzipSync(readFileSync(new URL(`../../formats/golden/${name}.gz`, import.meta.url))),
  );
}

describe('inspection of the tiny guest', () => {
  test('every question has its answer', () => {
    const daemon = engineDaemon(TINY_GUEST);
    try {
      assert.deepEqual(daemon.call('inspect_get_roots'), []);
      assert.deepEqual(daemon.call('inspect_os'), ['/dev/tiny/root']);
      assert.deepEqual(daemon.call('inspect_get_roots'), ['/dev/tiny/root']);
      assert.deepEqual(daemon.call('mounts'), []);
      const ask = (field: string): unknown => daemon.call(`inspect_get_${field}`, '/dev/mapper/tiny-root');
      assert.deepEqual(
        ['type', 'distro', 'major_version', 'arch', 'hostname', 'package_format', 'osinfo'].map(ask),
        ['linux', 'debian', 12, 'x86_64', 'tiny-guest', 'deb', 'debian12'],
      );
      assert.deepEqual(ask('mountpoints'), { '/': '/dev/tiny/root', '/boot': '/dev/sda2' });
      assert.deepEqual(ask('filesystems'), ['/dev/tiny/swap', '/dev/sda2', '/dev/tiny/root']);
      const private_ = daemon.call('inspect_list_applications2', '/dev/tiny/root') as Application2[];
      assert.ok(private_.length > 0);
      daemon.call('mount_ro', '/dev/tiny/root', '/');
      assert.deepEqual(daemon.call('inspect_list_applications2', '/dev/tiny/root'), private_);
    } finally {
      daemon.close();
    }
  });
});

describe('the inspection actions', () => {
  test('answer of the last inspect_os only', () => {
    const { call } = session({ '/dev/sda1': guest(GUESTS['debian12']!), '/dev/sda2': guest({}) });
    assert.throws(() => call('inspect_get_type', '/dev/sda1'), {
      code: 'EINVAL',
      action: 'inspect_get_type',
    });
    assert.deepEqual(call('inspect_os'), ['/dev/sda1']);
    assert.equal(call('inspect_get_type', '/dev/sda1'), 'linux');
    assert.equal(call('inspect_get_type', '/dev/vda1'), 'linux');
    assert.throws(() => call('inspect_get_type', '/dev/sda2'), { code: 'EINVAL', device: '/dev/sda2' });
    assert.throws(() => call('inspect_get_type', '/dev/sdz'), { code: 'ENOENT' });
  });

  test('every field of a Linux', () => {
    const { call } = session({ '/dev/sda': guest(GUESTS['osReleaseOnly']!) });
    call('inspect_os');
    const answers = [
      ['type', 'linux'],
      ['arch', 'x86_64'],
      ['distro', 'unknown'],
      ['major_version', 1],
      ['minor_version', 2],
      ['product_name', 'Some "quoted" $thing'],
      ['product_variant', 'unknown'],
      ['package_format', 'unknown'],
      ['package_management', 'unknown'],
      ['hostname', 'unknown'],
      ['build_id', '4711'],
      ['osinfo', 'unknown'],
      ['format', 'installed'],
      ['drive_mappings', {}],
      ['windows_group_policy', false],
    ] as const;
    for (const [field, answer] of answers) {
      assert.deepEqual(call(`inspect_get_${field}`, '/dev/sda'), answer, field);
    }
    for (const name of ['live', 'netinst', 'multipart'])
      assert.equal(call(`inspect_is_${name}`, '/dev/sda'), false);
    for (const name of ['systemroot', 'current_control_set', 'software_hive', 'system_hive']) {
      assert.throws(() => call(`inspect_get_windows_${name}`, '/dev/sda'), { code: 'EINVAL' });
    }
  });

  for (const name of ['debian12', 'alpine318', 'arch']) {
    test(`applications of ${name} as stock libguestfs lists them`, () => {
      const { call } = session({ '/dev/sda': guest(GUESTS[name]!) });
      call('inspect_os');
      const ours = (call('inspect_list_applications2', '/dev/sda') as Application2[]).map(snake);
      const stock = parseStructs(STOCK[name]?.['inspect-list-applications2'] ?? '');
      // Stock loses the last paragraph of a file that does not end in an empty line, and does not know the source
      // packages of apk and pacman; app2_class came later.
      const names = new Set(stock.map(({ app2_name }) => app2_name));
      const compared = ours.filter(({ app2_name }) => names.has(app2_name ?? ''));
      assert.ok(stock.length >= 2);
      for (const [i, theirs] of stock.entries()) {
        const { app2_spare1: _, ...fields } = theirs;
        const own = { ...compared[i] };
        delete own['app2_class'];
        if (name !== 'debian12') own['app2_source_package'] = '';
        assert.deepEqual(own, fields);
      }
    });
  }

  for (const [file, path] of [
    ['rpmdb.sqlite', '/usr/lib/sysimage/rpm/rpmdb.sqlite'],
    ['Packages.db', '/var/lib/rpm/Packages.db'],
    ['Packages', '/var/lib/rpm/Packages'],
  ] as const) {
    test(`applications of an rpm guest out of ${path}`, () => {
      const { call } = session({ '/dev/sda': guest({ ...GUESTS['rhel92'], [path]: golden(file) }) });
      call('inspect_os');
      const list = call('inspect_list_applications2', '/dev/sda') as Application2[];
      assert.equal(list.length, 15);
      assert.deepEqual(
        list.map(({ app2Name }) => app2Name),
        list.map(({ app2Name }) => app2Name).toSorted(),
      );
      const beta = list.find(({ app2Name }) => app2Name === 'beta');
      assert.deepEqual(
        [
          beta?.app2Epoch,
          beta?.app2Version,
          beta?.app2Release,
          beta?.app2Arch,
          beta?.app2Publisher,
          beta?.app2Url,
        ],
        [2, '2.5.1', '3.el9', 'x86_64', 'Red Hat, Inc.', 'https://beta.example/'],
      );
    });
  }

  test('the write-ahead log beside an rpm database is read', () => {
    const { call } = session({
      '/dev/sda': guest({
        ...GUESTS['rhel92'],
        '/var/lib/rpm/rpmdb.sqlite': golden('rpmdb.sqlite'),
        '/var/lib/rpm/rpmdb.sqlite-wal': golden('logged.sqlite-wal'),
      }),
    });
    call('inspect_os');
    assert.equal((call('inspect_list_applications', '/dev/sda') as Application[]).length, 14);
  });

  test('a package database on a filesystem of its own', () => {
    const { call } = session({
      '/dev/sda1': guest({
        ...GUESTS['debian6'],
        '/etc/fstab': '/dev/sda2 /var ext4\n',
        '/var': { directory: true },
      }),
      '/dev/sda2': guest({ '/lib/dpkg/status': 'Package: a\nStatus: install ok installed\nVersion: 1\n' }),
    });
    call('inspect_os');
    const [only] = call('inspect_list_applications', '/dev/sda1') as Application[];
    assert.deepEqual([only?.appName, only?.appVersion], ['a', '1']);
  });

  test('what is mounted on / is read where something is', () => {
    const mounted = session({
      '/dev/sda1': guest(GUESTS['debian12']!),
      '/dev/sda2': guest({ '/var/lib/dpkg/status': 'Package: z\nStatus: install ok installed\n' }),
    });
    mounted.call('inspect_os');
    mounted.call('mount_ro', '/dev/sda2', '/');
    const list = mounted.call('inspect_list_applications2', '/dev/sda1') as Application2[];
    assert.deepEqual(
      list.map(({ app2Name }) => app2Name),
      ['z'],
    );
  });

  test('a missing database is told, a damaged one is an error that names it', () => {
    const { call, warnings } = session({
      '/dev/sda': guest(GUESTS['debian6']!),
      '/dev/sdb': guest({ ...GUESTS['rhel92'], '/var/lib/rpm/rpmdb.sqlite': 'nonsense'.repeat(1000) }),
    });
    call('inspect_os');
    assert.deepEqual(call('inspect_list_applications2', '/dev/sda'), []);
    assert.match(warnings[0] ?? '', /\/var\/lib\/dpkg\/status/);
    assert.throws(() => call('inspect_list_applications2', '/dev/sdb'), {
      code: 'EUCLEAN',
      path: '/var/lib/rpm/rpmdb.sqlite',
    });
  });

  test('a format without a database that is read here has no applications', () => {
    const { call, warnings } = session({ '/dev/sda': guest(GUESTS['void']!) });
    call('inspect_os');
    assert.deepEqual(call('inspect_list_applications2', '/dev/sda'), []);
    assert.deepEqual(warnings, []);
  });
});

/** The first bytes of a PNG of a size. */
function png(size: number): Uint8Array {
  const bytes = new Uint8Array(64);
  bytes.set([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const view = new DataView(bytes.buffer);
  view.setUint32(8, 13);
  view.setUint32(12, 0x49484452);
  view.setUint32(16, size);
  view.setUint32(20, size);
  return bytes;
}

describe('icons', () => {
  const LOGO = '/usr/share/pixmaps/debian-logo.png';
  const debian: Files = { '/bin/ls': elf(62), '/etc/fstab': '', '/etc/debian_version': '12.1\n' };
  const iconOf = (files: Files, options?: object): Uint8Array => {
    const { call, icon } = session({ '/dev/sda': guest(files) });
    call('inspect_os');
    return icon('/dev/sda', options);
  };

  test('the favicon comes first, unless it is not wanted or no PNG', () => {
    const files: Files = { ...debian, '/etc/favicon.png': png(16), [LOGO]: png(48) };
    assert.deepEqual(iconOf(files), png(16));
    assert.deepEqual(iconOf(files, { favicon: false }), png(48));
    assert.deepEqual(iconOf({ ...files, '/etc/favicon.png': 'text' }), png(48));
    assert.deepEqual(iconOf({ ...files, '/etc/favicon.png': png(0) }), png(48));
    assert.deepEqual(iconOf({ ...files, '/etc/favicon.png': { link: `..${LOGO}` } }), png(48));
  });

  test('a small one is not of high quality', () => {
    const files: Files = {
      ...GUESTS['ubuntu2204'],
      '/usr/share/icons/gnome/24x24/places/ubuntu-logo.png': png(24),
    };
    assert.deepEqual(iconOf(files), png(24));
    assert.equal(iconOf(files, { highquality: true }).length, 0);
  });

  test('none is an empty buffer, a huge one is none', () => {
    assert.deepEqual(iconOf(debian), new Uint8Array(0));
    const huge = new Uint8Array(5 * 1024 * 1024);
    huge.set(png(48));
    assert.equal(iconOf({ ...debian, [LOGO]: huge }).length, 0);
  });

  const PLACES: [string, string][] = [
    ['fedora38', '/usr/share/icons/hicolor/96x96/apps/fedora-logo-icon.png'],
    ['rhel7', '/usr/share/icons/hicolor/96x96/apps/system-logo-icon.png'],
    ['rocky9', '/usr/share/icons/hicolor/96x96/apps/system-logo-icon.png'],
    ['oracle8', '/usr/share/icons/hicolor/96x96/apps/system-logo-icon.png'],
    ['rhel6', '/usr/share/pixmaps/redhat/shadowman-transparent.png'],
    ['leap155', '/usr/share/icons/hicolor/48x48/apps/distributor.png'],
    ['sles15', '/usr/share/icons/hicolor/48x48/apps/distributor.png'],
    ['mageia8', '/usr/share/icons/mageia.png'],
    ['openmandriva', '/usr/share/icons/large/mandriva.png'],
    ['void', '/usr/share/void-artwork/void-logo.png'],
    ['altlinux', '/usr/share/icons/hicolor/48x48/apps/altlinux.png'],
  ];
  for (const [name, path] of PLACES) {
    test(`${name} has it at ${path}`, () => {
      assert.deepEqual(iconOf({ ...GUESTS[name], [path]: png(96) }, { highquality: true }), png(96));
    });
  }
});
