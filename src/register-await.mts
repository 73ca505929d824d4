/**
 * `fusewire/register` where the runtime cannot `require` ES modules (Node before 20.19, and 22 before 22.12): modules
 * that were loaded with the same static graph are patched a few microtasks later, and importers wait for it. Elsewhere
 * the package's exports lead to register.js, because a module that awaits could not be required.
 */
import { registration } from './register.js';

await registration.ready;
