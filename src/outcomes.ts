/** `fusewire/outcomes`: jobs and their outcomes (contract 5.9). */
export {};
