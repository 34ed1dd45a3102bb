import { GuestfsError } from '../../../errors/index.ts';
import type { Segment, VolumeGroup } from '../model.ts';

/** Free extents of a PV, next to each other. */
export interface FreeArea {
  /** `pv0` */
  key: string;
  extent: number;
  count: number;
}

/** Segment types whose every area has as many extents as the segment. */
const COPIES: readonly string[] = ['mirror', 'raid1'];

/** Extents of each area of a segment. */
export function areaLength({ type, extentCount, areas }: Segment): number {
  return COPIES.includes(type) || areas.length < 2 ? extentCount : Math.ceil(extentCount / areas.length);
}

/**
 * What is free on the PVs of a group, in the order of the text and of the extents. `usable` tells which PVs are asked
 * for; those that may not be allocated from are left out anyway.
 */
export function freeAreas(group: VolumeGroup, usable: (key: string) => boolean = () => true): FreeArea[] {
  const used = new Map<string, [number, number][]>();
  for (const volume of group.logicalVolumes.values()) {
    for (const segment of volume.segments) {
      const length = areaLength(segment);
      for (const { name, extent } of segment.areas) {
        if (!group.physicalVolumes.has(name)) continue;
        const list = used.get(name) ?? [];
        list.push([extent, extent + length]);
        used.set(name, list);
      }
    }
  }
  const free: FreeArea[] = [];
  for (const { key, extentCount, status } of group.physicalVolumes.values()) {
    if (!status.has('ALLOCATABLE') || !usable(key)) continue;
    let at = 0;
    for (const [from, to] of (used.get(key) ?? []).toSorted((a, b) => a[0] - b[0])) {
      if (from > at) free.push({ key, extent: at, count: from - at });
      at = Math.max(at, to);
    }
    if (extentCount > at) free.push({ key, extent: at, count: extentCount - at });
  }
  return free;
}

/** Extents in free areas. */
export function countFree(areas: readonly FreeArea[]): number {
  return areas.reduce((sum, { count }) => sum + count, 0);
}

/** A new segment: `count` extents dealt out over `areas`. */
export interface NewSegment {
  count: number;
  areas: { key: string; extent: number }[];
}

/** What is asked for of {@link allocateExtents}. */
export interface ExtentRequest {
  /** Extents of all stripes together; a multiple of `stripes`. */
  count: number;
  stripes: number;
  /** One area for each stripe, whole. */
  contiguous: boolean;
  /** Where the volume ends now, one for each stripe: extents there are taken first. */
  behind?: readonly { key: string; extent: number }[];
}

/**
 * Find extents: behind those that the volume has, else in the first areas that are large enough, else in the largest
 * ones. Stripes are on different PVs. Throws ENOSPC naming how much was asked for and found.
 */
export function allocateExtents(free: readonly FreeArea[], request: ExtentRequest): NewSegment[] {
  const { stripes, contiguous } = request;
  const areas = free.map((area) => ({ ...area }));
  const segments: NewSegment[] = [];
  let left = request.count / stripes;
  const take = (chosen: readonly FreeArea[], count: number): number => {
    segments.push({
      count: count * stripes,
      areas: chosen.map(({ key, extent }) => ({ key, extent })),
    });
    for (const area of chosen) {
      area.extent += count;
      area.count -= count;
    }
    return count;
  };
  const behind = request.behind?.map(({ key, extent }) =>
    areas.find((area) => area.key === key && area.extent === extent),
  );
  if (behind?.every((area) => area !== undefined)) {
    const room = Math.min(left, ...behind.map(({ count }) => count));
    if (!contiguous || room === left) left -= take(behind, room);
  } else if (contiguous && behind !== undefined) {
    throw noSpace(request, 'its allocation policy is contiguous, and the extents behind it are not free');
  }
  while (left > 0) {
    const chosen = chooseAreas(areas, stripes, left);
    if (chosen === undefined) throw noSpace(request, describe(free, stripes));
    const room = Math.min(left, ...chosen.map(({ count }) => count));
    if (contiguous && room < left) throw noSpace(request, 'its allocation policy is contiguous');
    left -= take(chosen, room);
    for (let i = areas.length - 1; i >= 0; i--) if (areas[i]!.count === 0) areas.splice(i, 1);
  }
  return segments;
}

/** One area on each of `stripes` PVs. */
function chooseAreas(areas: readonly FreeArea[], stripes: number, wanted: number): FreeArea[] | undefined {
  const best = new Map<string, FreeArea>();
  for (const area of areas) {
    if (area.count === 0) continue;
    const known = best.get(area.key);
    // The first that is large enough, else the largest.
    const better = known === undefined || (known.count < wanted && area.count > known.count);
    if (better) best.set(area.key, area);
  }
  const candidates = [...best.values()];
  const enough = candidates.filter(({ count }) => count >= wanted);
  if (enough.length >= stripes) return enough.slice(0, stripes);
  if (candidates.length < stripes) return undefined;
  return candidates.toSorted((a, b) => b.count - a.count).slice(0, stripes);
}

function describe(free: readonly FreeArea[], stripes: number): string {
  const all = `${countFree(free)} are free`;
  return stripes === 1 ? all : `${all}, to be had on ${stripes} physical volumes at once`;
}

function noSpace({ count }: ExtentRequest, why: string): GuestfsError {
  return new GuestfsError('ENOSPC', `${count} extents are needed: ${why}`);
}
