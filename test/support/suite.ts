// eslint-disable-next-line no-restricted-imports -- the one place that wraps it
import { suite as suiteOfUvu, type Callback, type Test } from 'uvu';
import { inspect } from 'node:util';

type Hook<T> = Test<T>['before'];

/**
 * uvu's suite, with failures that say their reason: uvu itself prints nothing of an error in a hook, and ends without a word over an error whose `details` is no text, as those of a CowherdError are.
 */
export function suite<T = Record<string, never>>(title?: string, context?: T): Test<T> {
  const plain = suiteOfUvu<T>(title, context);
  const hook = (of: Hook<T>): Hook<T> =>
    Object.assign((callback: Callback<T>) => of(spoken(callback)), {
      each: (callback: Callback<T>) => of.each(spoken(callback)),
    });
  return Object.assign((name: string, test: Callback<T>) => plain(name, legible(test)), {
    only: (name: string, test: Callback<T>) => plain.only(name, legible(test)),
    skip: (name?: string, test?: Callback<T>) => plain.skip(name, test),
    before: hook(plain.before),
    after: hook(plain.after),
    run: () => plain.run(),
  });
}

export const test = suite();

function legible<T>(test: Callback<T>): Callback<T> {
  return async (context) => {
    try {
      await test(context);
    } catch (error) {
      throw isFormatted(error) ? error : new Error(inspect(error), { cause: error });
    }
  };
}

/** What uvu can print: it reads `name` and `stack` of any error and splits its `details`. */
function isFormatted(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return !('details' in error) || typeof error.details === 'string' || !error.details;
}

function spoken<T>(callback: Callback<T>): Callback<T> {
  return async (context) => {
    try {
      await callback(context);
    } catch (error) {
      console.error(`\na hook failed: ${inspect(error)}`);
      throw error;
    }
  };
}
