/** By which flow schema and at which priority level a request is served, as its answer tells. */
export interface Classification {
  /** Uids, since names may be telling; '' for the mandatory ones while their objects are missing. */
  schemaUid: string;
  levelUid: string;
}

export function classificationHeaders({ schemaUid, levelUid }: Classification): Record<string, string> {
  return { 'x-kubernetes-pf-flowschema-uid': schemaUid, 'x-kubernetes-pf-prioritylevel-uid': levelUid };
}
