/**
 * fast-check as tests import it: it draws the same values in every run, so that what has passed once passes on any machine.
 * FUZZ_SEED is the seed of another run, or `random`, which finds what nobody has thought of; a failure tells its seed.
 */
import fc from 'fast-check';

const { FUZZ_SEED: seed = '1' } = process.env;
if (seed !== 'random') fc.configureGlobal({ seed: Number(seed) });

export * from 'fast-check';
export default fc;
