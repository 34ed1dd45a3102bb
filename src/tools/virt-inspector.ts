import { UnsupportedError } from '../errors/index.ts';
import { EXIT } from './common/errors.ts';
import { readShared } from './common/operands.ts';
import { runTool } from './common/run.ts';
import { openLaunched } from './common/session.ts';
import type { ToolSpec } from './common/spec.ts';
import { collectInspection, inspectionDocument, inspectionSummary } from './inspector/collect.ts';
import { virtInspectorSpec } from './specs/virt-inspector.ts';

/** Which form the answer has. */
export type InspectorForm = 'xml' | 'json' | 'summary';

/** virt-inspector: which operating system is this? */
export async function main(
  args: readonly string[],
  spec: ToolSpec = virtInspectorSpec,
  form: InspectorForm = 'xml',
): Promise<number> {
  return runTool(spec, args, async (context) => {
    let applications = true;
    let icon = true;
    const { shared } = readShared(
      context,
      ({ name }) => {
        if (name === 'no-applications') applications = false;
        else if (name === 'no-icon') icon = false;
        else if (name === 'json') form = 'json';
        else if (name === 'xml') form = 'xml';
        else if (name === 'xpath') {
          throw new UnsupportedError(
            '--xpath is not supported: give the output to xmllint --xpath, or use --json',
          );
        }
      },
      0,
    );
    const handle = await openLaunched(spec.name, shared);
    try {
      const found = await collectInspection(handle, { applications, icon: icon && form !== 'summary' });
      if (form === 'xml') {
        const { inspectionXml } = await import('../inspect/xml.ts');
        context.out.write(inspectionXml(found));
      } else if (form === 'json') {
        const { jsonDocument } = await import('./common/json.ts');
        context.out.write(jsonDocument(inspectionDocument(found)));
      } else {
        context.out.write(inspectionSummary(found));
      }
    } finally {
      await handle.close();
    }
    return EXIT.ok;
  });
}
