/** Events about a pod and about its containers, as upstream's kubelet refers to them. */
import type { ObjectReference, Pod } from '#api/gen/core-v1.js';
import { type ContainerKind, containersOf } from './pod-state.js';

interface EventText {
  type: 'Normal' | 'Warning';
  reason: string;
  message: string;
  annotations?: Record<string, string> | undefined;
}

/** What we ask of the recorder in #client/events.js. */
export interface EventSink {
  event(about: ObjectReference, text: EventText): void;
}

export interface ContainerEvents {
  normal(reason: string, message: string): void;
  warning(reason: string, message: string, annotations?: Record<string, string>): void;
}

export function podEvents(sink: EventSink, pod: Pod): ContainerEvents {
  return eventsAbout(sink, referenceTo(pod));
}

/** The field path names the container: `spec.containers{web}`. */
export function containerEvents(sink: EventSink, pod: Pod, name: string): ContainerEvents {
  const lists: Record<ContainerKind, string> = {
    init: 'initContainers',
    regular: 'containers',
    ephemeral: 'ephemeralContainers',
  };
  for (const { kind, container } of containersOf(pod)) {
    if (container.name === name) {
      return eventsAbout(sink, { ...referenceTo(pod), fieldPath: `spec.${lists[kind]}{${name}}` });
    }
  }
  return eventsAbout(sink, { ...referenceTo(pod), fieldPath: 'implicitly required container ' + name });
}

function eventsAbout(sink: EventSink, about: ObjectReference): ContainerEvents {
  return {
    normal: (reason, message) => sink.event(about, { type: 'Normal', reason, message }),
    warning: (reason, message, annotations) =>
      sink.event(about, { type: 'Warning', reason, message, ...(annotations && { annotations }) }),
  };
}

function referenceTo({ metadata }: Pod): ObjectReference {
  const { name, namespace, uid, resourceVersion } = metadata;
  return { apiVersion: 'v1', kind: 'Pod', name, namespace, uid, resourceVersion };
}
