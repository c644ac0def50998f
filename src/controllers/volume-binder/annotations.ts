/** Annotations by which the two halves of a binding know what has been done, and by whom. */

/** On a claim: its binding is complete; a volume that is missing from now on is lost. */
export const bindCompleted = 'pv.kubernetes.io/bind-completed';
/** On a claim or a volume: the reference to the other was set by us, and may be taken back. */
export const boundByController = 'pv.kubernetes.io/bound-by-controller';
/** On a volume: who made it, and so removes it. */
export const provisionedBy = 'pv.kubernetes.io/provisioned-by';
/** On a volume of an old plugin: the driver that now does the plugin's work. */
export const migratedTo = 'pv.kubernetes.io/migrated-to';
/** On a claim: who is to make a volume for it. */
export const provisioner = 'volume.kubernetes.io/storage-provisioner';
export const provisionerBeta = 'volume.beta.kubernetes.io/storage-provisioner';
/** On a claim: the node on which its first user will run, by the scheduler. */
export const selectedNode = 'volume.kubernetes.io/selected-node';
