import { decodeText } from '../../bytes/text.ts';
import { identifyAs } from '../../filesystems/identify/index.ts';
import type { BlkidTags } from '../contract.ts';
import { EngineIdentification, type IdentifiedDevices } from '../engine/identification.ts';
import { findProgram, runTool } from './run-tool.ts';

/** What blkid(8) tells of a device's surroundings, not of what is on it. */
const SURROUNDINGS =
  /^(DEVNAME|PART_ENTRY_|PTTYPE$|PTUUID$|MINIMUM_IO_SIZE|PHYSICAL_SECTOR|LOGICAL_SECTOR|OPTIMAL_IO)/;

/** Status of blkid(8) where it finds nothing. */
const NOTHING = 2;
/** Status of blkid(8) where it finds several things that contradict each other. */
const AMBIVALENT = 8;

/** Identification as the engine's; what that does not know, blkid(8) is asked for. */
export class LinuxIdentification extends EngineIdentification {
  readonly #devices: IdentifiedDevices & { node(name: string): string };
  /** What blkid(8) said, by the names of devices. */
  readonly #asked = new Map<string, BlkidTags>();

  constructor(devices: IdentifiedDevices & { node(name: string): string }) {
    super(devices);
    this.#devices = devices;
  }

  override superblock(device: string): BlkidTags {
    const tags = super.superblock(device);
    if (tags['TYPE'] !== undefined || findProgram('blkid') === undefined) return tags;
    const { name } = this.#devices.find(device);
    const asked = this.#asked.get(name) ?? askBlkid(this.#devices.node(name));
    this.#asked.set(name, asked);
    return asked;
  }

  /** Whether that is on a device: {@link type} says so too, but first looks for all that there might be. */
  holds(device: string, type: string): boolean {
    return identifyAs(type, this.#devices.open(device)) !== null && this.type(device) === type;
  }

  override forget(): void {
    super.forget();
    if (this.#asked.size > 0) this.#asked.clear();
  }
}

function askBlkid(node: string): BlkidTags {
  const run = runTool('blkid', ['-c', '/dev/null', '-p', '-o', 'export', '--', node], {
    accept: [NOTHING, AMBIVALENT],
  });
  return parseBlkid(decodeText(run.stdout));
}

/** What `blkid -p -o export` prints of what is on a device: KEY=VALUE, special characters behind a backslash. */
export function parseBlkid(text: string): BlkidTags {
  const tags: BlkidTags = {};
  for (const line of text.split('\n')) {
    const match = /^([A-Z_]+)=(.*)$/.exec(line);
    if (match === null || SURROUNDINGS.test(match[1] as string)) continue;
    tags[match[1] as string] = (match[2] as string).replace(/\\(.)/g, '$1');
  }
  return tags;
}
