import { layout, type Field, type Layout } from '../../bytes/layout.ts';

/**
 * A layout whose accessors are made when it is first used. Identification declares some sixty structures and uses
 * a few of them in a run; making all would be felt at the start of a tool.
 */
export function structure<F extends Record<string, Field<unknown>>>(
  name: string,
  size: number,
  endian: 'le' | 'be',
  fields: F,
): Layout<F> {
  let made: Layout<F> | undefined;
  const get = (): Layout<F> => (made ??= layout(name, size, endian, fields));
  return {
    name,
    size,
    fields,
    view: (bytes, base) => get().view(bytes, base),
    aim: (view, base) => get().aim(view, base),
  };
}
