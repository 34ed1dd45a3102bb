import type { ToolSpec } from '../../src/tools/common/spec.ts';

/** A manual page: the tool's own options and examples, and the words around them in Markdown. */
export interface ManPage {
  spec: ToolSpec;
  description: string;
  /** Sections between the options and the exit status. */
  sections?: readonly (readonly [title: string, text: string])[];
  /** Replaces the usual words about the exit status. */
  exitStatus?: string;
  /** Other pages, as in `virt-cat(1)`. */
  seeAlso: readonly string[];
}
