import { actionNames, camelCase, methodAliases } from '../actions/table.ts';
import type { GuestfsMethods } from './generated/methods.ts';

/** Runs an action for a method; class Guestfs has it. */
export const INVOKE: unique symbol = Symbol('invoke');

interface Invoker {
  [INVOKE](name: string, args: unknown[]): Promise<unknown>;
}

/** A class whose prototype has a method for every action, each one nothing but its name. */
function methodsClass(): abstract new () => GuestfsMethods {
  const Methods = function (): void {} as unknown as abstract new () => GuestfsMethods;
  const prototype = Methods.prototype as Record<string, unknown>;
  const add = (name: string): void => {
    prototype[camelCase(name)] = function method(this: Invoker, ...args: unknown[]): Promise<unknown> {
      return this[INVOKE](name, args);
    };
  };
  for (const name of actionNames) add(name);
  for (const name of methodAliases().keys()) add(name);
  return Methods;
}

/** Base of class Guestfs. */
export const ActionMethods = methodsClass();
