import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { inspectionPlatform, memoryGuest } from '../../test/support/inspection-platform.ts';
import { GUESTS } from './golden/guests.ts';
import { inspectOs } from './index.ts';
import type { OperatingSystem } from './types.ts';

/** What stock libguestfs 1.48.6 says of the guests in `golden/guests.ts`, as `golden/ask-stock.ts` wrote it down. */
const STOCK = JSON.parse(readFileSync(new URL('golden/stock.json', import.meta.url), 'utf8')) as Record<
  string,
  Record<string, string>
>;

const QUESTIONS: Readonly<Record<string, (system: OperatingSystem) => string | number>> = {
  'inspect-get-type': ({ type }) => type,
  'inspect-get-distro': ({ distro }) => distro,
  'inspect-get-major-version': ({ major }) => major,
  'inspect-get-minor-version': ({ minor }) => minor,
  'inspect-get-product-name': ({ product }) => product,
  'inspect-get-product-variant': ({ variant }) => variant,
  'inspect-get-arch': ({ arch }) => arch,
  'inspect-get-hostname': ({ hostname }) => hostname,
  'inspect-get-package-format': ({ packageFormat }) => packageFormat,
  'inspect-get-package-management': ({ packageManagement }) => packageManagement,
  'inspect-get-osinfo': ({ osinfo }) => osinfo,
};

type Difference = Readonly<Record<string, string | number>>;
const RPM_DNF: Difference = { 'inspect-get-package-management': 'dnf' };

/** Where the answer here is another than stock's, and why. */
const DIFFERENCES: Readonly<Record<string, Difference>> = {
  // 1.50 learnt to pass over comments; blanks around a name are no part of it.
  debianSid: { 'inspect-get-hostname': 'sid' },
  // The value is a shell string: the quotes are not part of it.
  rhel6: { 'inspect-get-hostname': 'rhel6.example' },
  // Fedora has had dnf since 22; stock looks for its program, which this guest lacks.
  fedora38: RPM_DNF,
  fedoraCoreOs: RPM_DNF,
  // libosinfo's names.
  centosStream9: { 'inspect-get-osinfo': 'centos-stream9' },
  centosStream8: { 'inspect-get-osinfo': 'centos-stream8' },
  alma9: { 'inspect-get-osinfo': 'almalinux9' },
  tumbleweed: { 'inspect-get-osinfo': 'opensusetumbleweed' },
  altlinuxSisyphus: { 'inspect-get-osinfo': 'unknown' },
  // Distributions that later versions know by name, or that have a name in no version.
  circle8: {
    'inspect-get-distro': 'circle',
    'inspect-get-product-name': 'Circle Linux 8.8',
    'inspect-get-osinfo': 'circle8',
  },
  openeuler: {
    'inspect-get-distro': 'openeuler',
    'inspect-get-package-format': 'rpm',
    'inspect-get-osinfo': 'openeuler22.3',
    ...RPM_DNF,
  },
  tencentos: {
    'inspect-get-distro': 'tencentos',
    'inspect-get-product-name': 'TencentOS Server 3.1 (Final)',
    'inspect-get-osinfo': 'tencentos3.1',
    ...RPM_DNF,
  },
  opencloudos: {
    'inspect-get-distro': 'opencloudos',
    'inspect-get-product-name': 'OpenCloudOS 8.8',
    'inspect-get-osinfo': 'opencloudos8.8',
  },
  anolis: {
    'inspect-get-distro': 'anolis',
    'inspect-get-product-name': 'Anolis OS 8.8',
    'inspect-get-osinfo': 'anolis8.8',
  },
  amazon2: {
    'inspect-get-distro': 'amazonlinux',
    'inspect-get-package-format': 'rpm',
    'inspect-get-package-management': 'yum',
  },
  amazon2023: { 'inspect-get-distro': 'amazonlinux', 'inspect-get-package-format': 'rpm', ...RPM_DNF },
  nixos: { 'inspect-get-distro': 'nixos', 'inspect-get-osinfo': 'nixos-23.05' },
  mandriva2011: {
    'inspect-get-distro': 'mandriva',
    'inspect-get-package-format': 'rpm',
    'inspect-get-package-management': 'urpmi',
    'inspect-get-osinfo': 'mandriva2011.0',
  },
  buildroot: { 'inspect-get-distro': 'buildroot', 'inspect-get-osinfo': 'buildroot2023.2' },
  // A product of SUSE's that is neither.
  oes: {
    'inspect-get-distro': 'suse-based',
    'inspect-get-major-version': 2,
    'inspect-get-package-format': 'rpm',
    'inspect-get-package-management': 'zypper',
    'inspect-get-osinfo': 'suse-based2.0',
  },
  // OpenRC keeps the name in a file of its own.
  gentoo: { 'inspect-get-hostname': 'tux' },
  // Stock takes it for FreeBSD.
  openbsd73: {
    'inspect-get-type': 'openbsd',
    'inspect-get-distro': 'openbsd',
    'inspect-get-hostname': 'puffy.example',
    'inspect-get-osinfo': 'openbsd7.3',
  },
};

/** Guests that are a root here and none for stock: without fstab, and MS-DOS and FreeDOS by their own files. */
const MORE_ROOTS = new Set(['freedosWild', 'msdos']);

const quiet = { warn() {}, checkCancelled() {} };

describe('guests answer as stock libguestfs does', () => {
  for (const [name, files] of Object.entries(GUESTS)) {
    test(name, () => {
      const { platform, openTrees } = inspectionPlatform({
        '/dev/sda': { type: 'ext2', fs: memoryGuest(files) },
      });
      const systems = inspectOs({ platform, ...quiet });
      assert.equal(openTrees(), 0);
      const stock = STOCK[name];
      if (stock === undefined) {
        assert.equal(systems.length, MORE_ROOTS.has(name) ? 1 : 0);
        return;
      }
      const [system] = systems;
      assert.ok(system, 'no root was found');
      const answers: Record<string, string> = {};
      const expected: Record<string, string> = {};
      for (const [question, answer] of Object.entries(QUESTIONS)) {
        answers[question] = String(answer(system));
        expected[question] = String(DIFFERENCES[name]?.[question] ?? stock[question]);
      }
      assert.deepEqual(answers, expected);
      assert.deepEqual([...system.mountpoints], [['/', '/dev/sda']]);
      assert.deepEqual(system.filesystems, ['/dev/sda']);
    });
  }
});
