/**
 * A value together with what it was made of: disposing of it releases all that is on the stack, in reverse. To be called
 * last, where nothing can fail any more: the stack is moved, and its scope releases nothing.
 */
export function owned<T extends object>(stack: AsyncDisposableStack, value: T): T & AsyncDisposable {
  const open = stack.move();
  return { ...value, [Symbol.asyncDispose]: () => open.disposeAsync() };
}
