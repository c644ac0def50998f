/** Which feature gates can be at something else than their default here, and what that does. */

/** Gates that are asked: the fields they guard are dropped, or something works otherwise. */
export const switchableGates = [
  'APIServerIdentity',
  'AllowParsingUserUIDFromCertAuth',
  'ComponentFlagz',
  'ComponentStatusz',
  'ConstrainedImpersonation',
  'ContainerRestartRules',
  'DRAConsumableCapacity',
  'DRADeviceBindingConditions',
  'DRADeviceTaints',
  'DRAExtendedResource',
  'DRAPartitionableDevices',
  'DRAPrioritizedList',
  'DRAResourceClaimDeviceStatus',
  'DeploymentReplicaSetTerminatingReplicas',
  'EnvFiles',
  'HPAConfigurableTolerance',
  'HostnameOverride',
  'MatchLabelKeysInPodTopologySpread',
  'MutatingAdmissionPolicy',
  'PodLevelResources',
  'PodTopologyLabelsAdmission',
  'ResourceHealthStatus',
  'ResourceHealthStatusMessage',
  'WatchList',
] as const;

/**
 * Gates of how upstream's programs do their work, or of machines and programs that there are none of here: nobody could
 * tell whether they are on.
 */
export const innerGates = `
  APIServingWithRoutine AtomicFIFO ClientsAllowCARotation ClientsAllowTLSCacheGC
  CloudControllerManagerWatchBasedRoutesReconciliation CloudControllerManagerWebhook ConcurrentWatchObjectDecode
  ContextualLogging CRIListStreaming DeclarativeValidationBeta DeclarativeValidationTakeover DetectCacheInconsistency
  EventedPLEG InOrderInformersBatchProcess InformerResourceVersion ListFromCacheSnapshot LoggingAlphaOptions
  LoggingBetaOptions OpportunisticBatching PLEGOnDemandRelist SchedulerAsyncAPICalls SchedulerAsyncPreemption
  StaleControllerConsistencyDaemonSet StaleControllerConsistencyJob StaleControllerConsistencyReplicaSet
  StaleControllerConsistencyStatefulSet StorageNamespaceIndex UnlockWhileProcessingFIFO
  WatchCacheInitializationPostStartHook WatchListClient WindowsCPUAndMemoryAffinity WindowsGracefulNodeShutdown
  WindowsHostNetwork`;
