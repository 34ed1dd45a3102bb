import { GuestfsError } from '../../errors/index.ts';
import { chunksOf, contentOf, copyDevice, type Content, type Stretch } from '../content.ts';
import type { ActionContext, ByteSink, DeviceOrPath } from '../context.ts';
import type { DaemonActions } from '../generated/contract.ts';

function copyOut(
  context: ActionContext,
  from: DeviceOrPath,
  out: ByteSink,
  content: Content,
  stretch: Stretch = {},
): void {
  if ('device' in from) copyDevice(context, content, out, stretch);
  else for (const chunk of chunksOf(context, content, stretch)) out.write(chunk);
}

function download(context: ActionContext, from: DeviceOrPath, out: ByteSink): void {
  copyOut(context, from, out, contentOf(context, from));
}

/** Part of a file or device; what lies beyond its end is left out. */
function downloadOffset(
  context: ActionContext,
  from: DeviceOrPath,
  out: ByteSink,
  offset: number,
  size: number,
): void {
  const name = 'device' in from ? from.device : from.path;
  if (offset < 0)
    throw new GuestfsError('EINVAL', `${name}: the offset ${offset} is negative`, { path: name });
  if (size < 0) throw new GuestfsError('EINVAL', `${name}: the size ${size} is negative`, { path: name });
  const content = contentOf(context, from);
  const length = Math.max(0, Math.min(size, content.size - offset));
  copyOut(context, from, out, content, { offset, length });
}

/** Files out of the guest. */
export const transferActions = {
  download,

  download_offset: downloadOffset,
} satisfies Partial<DaemonActions>;
