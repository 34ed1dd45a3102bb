import type { Xfsinfo } from '../../actions/generated/structs.ts';

/**
 * What xfs_info(8) prints, as `SECTION.KEY`: a section's name stands at the start of a line, `KEY=VALUE` pairs follow
 * it and lines without a name. The section itself has what stands behind its own equals sign.
 */
export function parseXfsInfo(text: string): Record<string, string> {
  const found: Record<string, string> = {};
  let section = '';
  for (const line of text.split('\n')) {
    const match = /^([a-z-]*)\s*=(.*)$/.exec(line);
    if (match === null) continue;
    const rest = match[2] as string;
    if (match[1] !== '') {
      section = match[1] as string;
      // The name of a device or a log is in a column of its own.
      const name = rest.split(/\s{2,}/)[0] ?? '';
      if (!name.includes('=')) found[section] = name.trim();
    }
    for (const [, key, value] of rest.matchAll(/(?<=^|[\s,])([a-z][a-z0-9-]*)=([^\s,]+)/g)) {
      found[`${section}.${key as string}`] = value as string;
    }
  }
  return found;
}

/** The struct of the older action; -1 and empty where xfs_info(8) says nothing. */
export function xfsInfoStruct(info: Readonly<Record<string, string>>): Xfsinfo {
  const number = (key: string): number => {
    const value = Number(info[key] ?? 'none');
    return Number.isSafeInteger(value) ? value : -1;
  };
  const version = (key: string): number => Number(/^version (\d+)/.exec(info[key] ?? '')?.[1] ?? '-1');
  return {
    xfsMntpoint: info['meta-data'] ?? '',
    xfsInodesize: number('meta-data.isize'),
    xfsAgcount: number('meta-data.agcount'),
    xfsAgsize: number('meta-data.agsize'),
    xfsSectsize: number('meta-data.sectsz'),
    xfsAttr: number('meta-data.attr'),
    xfsBlocksize: number('data.bsize'),
    xfsDatablocks: number('data.blocks'),
    xfsImaxpct: number('data.imaxpct'),
    xfsSunit: number('data.sunit'),
    xfsSwidth: number('data.swidth'),
    xfsDirversion: version('naming'),
    xfsDirblocksize: number('naming.bsize'),
    xfsCimode: number('naming.ascii-ci'),
    xfsLogname: (info['log'] ?? '').replace(/ log$/, ''),
    xfsLogblocksize: number('log.bsize'),
    xfsLogblocks: number('log.blocks'),
    xfsLogversion: number('log.version'),
    xfsLogsectsize: number('log.sectsz'),
    xfsLogsunit: number('log.sunit'),
    xfsLazycount: number('log.lazy-count'),
    xfsRtname: info['realtime'] ?? '',
    xfsRtextsize: number('realtime.extsz'),
    xfsRtblocks: number('realtime.blocks'),
    xfsRtextents: number('realtime.rtextents'),
  };
}
