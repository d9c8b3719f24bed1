/** The compiler has no types of its own; this is the part in use. */
declare module 'solc' {
  const solc: { compile(standardJsonInput: string): string };
  export default solc;
}
