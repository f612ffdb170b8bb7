/** What a custom operator needs: `import { defineOperator, drop, z } from 'vimi'`. */
export { z } from 'zod';
export type { OpenSearchEngine, SearchEngineOptions } from './app/search.js';
export type { Clock } from './core/clock.js';
export { type ErrorCode, type ErrorFacts, type Fault, VimiError } from './core/errors.js';
export type { Log } from './core/log.js';
export type { VimiEvent } from './events/event.js';
export type { ContextEntry, ObjectRef, Prompt, PromptPart } from './events/prompt.js';
export type { NewRecord, StoredRecord } from './events/record.js';
export type { GenerationRequested, MediaAdded } from './events/schemas.js';
export {
  type Behaviour,
  defineOperator,
  type FlowWith,
  type Given,
  type Made,
  type OperatorSpec,
} from './flow/define-operator.js';
export type { DropReason, KnownDropReason } from './flow/envelope.js';
export type { Clip, Flow, Job, MediaFile, MediaProbe, Product, Query } from './flow/flow.js';
export { type Drop, delivered, drop } from './flow/map-each.js';
export type {
  CodeMeaning,
  Contract,
  FieldShapes,
  OffsetMove,
  Operator,
  Resources,
  Sealed,
  Takeover,
} from './flow/operator.js';
export type { Settlement } from './flow/settlement.js';
export type { StepContext, StepRun } from './flow/step-context.js';
export type { Denoiser, Embedder, Models } from './models/ports.js';
export type {
  Corpus,
  CorpusRebuild,
  CorpusRecord,
  DocumentFilter,
  DocumentSummary,
  NearDuplicate,
  SearchQuery,
  SearchResult,
} from './stores/corpus/corpus.js';
export type { ObjectStore } from './stores/objects/object-store.js';
