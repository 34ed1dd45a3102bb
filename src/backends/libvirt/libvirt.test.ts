import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { needsTool, temporaryFolder } from '../../../test/support/tools.ts';
import { CorruptError, GuestfsError } from '../../errors/index.ts';
import { Guestfs } from '../../handle/guestfs.ts';
import { parseDomain } from './domain.ts';
import { child, parseXml } from './xml.ts';

describe('XML of the host', () => {
  test('elements, attributes, text and known entities', () => {
    const root = parseXml(
      `<?xml version="1.0"?><!-- <x> -->\n<a b='1 &lt; "2"' c:d="&#x41;&#66;"><e/>t&amp;u<![CDATA[<&]]><f >v</f></a >\n`,
    );
    assert.equal(root.attributes.get('b'), '1 < "2"');
    assert.equal(root.attributes.get('c:d'), 'AB');
    assert.equal(root.text, 't&u<&');
    assert.equal(child(root, 'f')?.text, 'v');
    assert.equal(child(root, 'g', 'h'), undefined);
  });

  test('what is not plain XML is refused, with the offset', () => {
    const wrong = [
      '',
      'text',
      '<a>',
      '<a></b>',
      '<a/><b/>',
      '</a>',
      '<a b="1" b="2"/>',
      '<a b=1/>',
      '<a>&x;</a>',
      '<a>&#xd800;</a>',
      '<a>&#0;</a>',
      '<a>&amp</a>',
      '<a>& b</a>',
      '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
      '<a><!-- </a>',
      '<a>'.repeat(100_000),
      `<r>${'<a/>'.repeat(200_001)}</r>`,
    ];
    for (const text of wrong) {
      assert.throws(() => parseXml(text), CorruptError, text.slice(0, 40));
    }
  });
});

const disk = (type: string, words: string, inner: string): string =>
  `<disk type='${type}' ${words}>${inner}<target dev='vda' bus='virtio'/></disk>`;
const domainXml = (disks: string, words = ''): string =>
  `<domain type='test'${words}><name>web &amp; mail</name><uuid>6695eb01-f6a4-8304-79aa-97f2502e1000</uuid><memory>10000</memory><os><type>hvm</type></os><devices>${disks}</devices></domain>`;

describe('disks of a domain', () => {
  const parsed = (xml: string): unknown => parseDomain(domainXml(xml)).disks;

  test('files, devices and volumes; the format is that of the XML, else raw', () => {
    const source = "<source file='/a'/>";
    assert.deepEqual(parsed(disk('file', '', source)), [
      { target: 'vda', source: { kind: 'file', path: '/a' }, format: 'raw', readonly: false },
    ]);
    const more = `<driver name='qemu' type='qcow2'/><source dev='/dev/x'/><readonly/><blockio logical_block_size='4096'/>`;
    assert.deepEqual(parsed(disk('block', "device='lun'", more)), [
      {
        target: 'vda',
        source: { kind: 'file', path: '/dev/x' },
        format: 'qcow2',
        readonly: true,
        blocksize: 4096,
      },
    ]);
    const [volume] = parseDomain(domainXml(disk('volume', '', "<source pool='p' volume='v'/>"))).disks;
    assert.deepEqual(volume?.source, { kind: 'volume', pool: 'p', volume: 'v' });
    assert.deepEqual(parsed(disk('file', "device='cdrom'", '')), []);
    assert.deepEqual(parsed(disk('file', "device='floppy'", source)), []);
  });

  test('disks of servers, with their secrets', () => {
    const rbd = `<auth username='u'><secret type='ceph' uuid='1234'/></auth><source protocol='rbd' name='pool/image'><host name='h1' port='6789'/><host name='::1'/></source>`;
    assert.deepEqual(parsed(disk('network', '', rbd)), [
      {
        target: 'vda',
        source: { kind: 'network', protocol: 'rbd', name: 'pool/image', servers: ['h1:6789', '[::1]'] },
        format: 'raw',
        readonly: false,
        username: 'u',
        secret: { uuid: '1234' },
      },
    ]);
    const nbd = `<source protocol='nbd' name='e'><host transport='unix' socket='/s'/></source>`;
    const [found] = parseDomain(domainXml(disk('network', '', nbd))).disks;
    assert.deepEqual(found?.source, { kind: 'network', protocol: 'nbd', name: 'e', servers: ['unix:/s'] });
  });

  test('what cannot be opened is said', () => {
    assert.throws(
      () => parsed(disk('vhostuser', '', "<source type='unix' path='/x'/>")),
      /of the type vhostuser/,
    );
    const encrypted = "<source file='/a'><encryption format='luks'/></source>";
    assert.throws(() => parsed(disk('file', '', encrypted)), /encrypted by libvirt/);
    assert.throws(() => parseDomain('<network/>'), /describes <network>/);
  });

  test('a channel to a daemon in the guest', () => {
    const channel = `<channel type='unix'><source mode='bind' path='/run/x'/><target type='virtio' name='org.libguestfs.channel.0'/></channel>`;
    const domain = parseDomain(domainXml(channel, " id='3'"));
    assert.equal(domain.channel, '/run/x');
    assert.equal(domain.active, true);
  });
});

describe("add_domain with libvirt's test driver", { skip: needsTool('virsh') }, () => {
  const folder = temporaryFolder();
  const uri = `test://${join(folder.path, 'node.xml')}`;
  after(() => folder.remove());
  before(() => {
    for (const name of ['a', 'b', 'c']) writeFileSync(join(folder.path, name), Buffer.alloc(4096));
    const file = (name: string, more = ''): string =>
      disk('file', '', `<source file='${join(folder.path, name)}'/>${more}`).replace('vda', `vd${name}`);
    const disks = `${file('a')}${file('b', '<readonly/>')}${file('c', "<driver type='raw'/>")}`;
    writeFileSync(join(folder.path, 'domain.xml'), domainXml(disks));
    writeFileSync(join(folder.path, 'node.xml'), "<node><domain file='domain.xml'/></node>");
  });
  const added = async (name: string, options: object): Promise<string[]> => {
    const g = new Guestfs({ environment: false });
    try {
      const count = await g.addDomain(name, { libvirturi: uri, ...options });
      const drives = await g.debugDrives();
      assert.equal(drives.length, count);
      return drives.map((line) => line.replace(`${folder.path}/`, ''));
    } finally {
      await g.close();
    }
  };
  const failing = (code: string, message: RegExp) => (error: unknown) => {
    assert.ok(error instanceof GuestfsError);
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  };

  test('its disks are added, by name and by UUID', async () => {
    const all = ['a', 'b', 'c'].map((name) => `${name} readonly format=raw protocol=file`);
    assert.deepEqual(await added('web & mail', { readonly: true }), all);
    const uuid = '6695eb01-f6a4-8304-79aa-97f2502e1000';
    assert.deepEqual(await added(uuid, { readonly: true, allowuuid: true }), all);
    await assert.rejects(added(uuid, { readonly: true }), failing('ENOENT', /no domain with the name 6695/));
    assert.deepEqual(await added('web & mail', { readonly: true, readonlydisk: 'ignore' }), [all[0], all[2]]);
    const more = { readonly: true, cachemode: 'unsafe', copyonread: true };
    assert.match((await added('web & mail', more))[0] as string, /cache=unsafe copyonread/);
  });

  test('what is wrong is said', async () => {
    await assert.rejects(added('nosuch', {}), failing('ENOENT', /nosuch/));
    await assert.rejects(added('web & mail', {}), failing('EBUSY', /is running/));
    await assert.rejects(added('web & mail', { live: true }), failing('ENOTCONN', /no Unix socket/));
    await assert.rejects(
      added('web & mail', { readonlydisk: 'x' }),
      failing('EINVAL', /readonlydisk is 'x'/),
    );
    const g = new Guestfs({ environment: false });
    await assert.rejects(g.addDomain('x', { libvirturi: 'nosuch:///' }), failing('EIO', /virsh dumpxml/));
    await g.close();
  });
});
