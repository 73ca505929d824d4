/** What a command says of the service in its help. */

/** Over the API. */
export const NEEDS_RUNNING =
  '\nNeeds the running service. With a key it may be anywhere; without one it is the service that holds the data folder of ' +
  'this machine, and the team is its first one unless --team names another.';
/** On the data folder. */
export const NEEDS_EITHER =
  '\nWorks on the machine of the service: through the running service, or alone while it is stopped.';
/** Of every command. */
export const EXIT_CODES =
  '\nExit codes: 0 done; 1 failed; 2 written wrongly; 3 done, and the answer is no (refused, unhealthy, differences).';
