import type { FileOutput } from '../../handle/arguments.ts';
import type { Output } from './output.ts';

/** Where a FileOut argument puts its bytes so that they come out of `out`: escaped if that is a terminal. */
export async function fileOutput(out: Output): Promise<FileOutput> {
  out.flush();
  if (!out.terminal) return out.fd === 1 ? '/dev/stdout' : `/dev/fd/${out.fd}`;
  const { escapingStream } = await import('./escaping-stream.ts');
  return escapingStream(out);
}
