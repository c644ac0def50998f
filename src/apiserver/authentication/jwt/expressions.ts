/** Compiles the expressions of an AuthenticationConfiguration: over `claims`, or over the `user` that came of them. */
import { dynType, listType, mapType, stringType } from '#apimachinery/cel/index.js';
import { compileExpression, declareStruct, type ExpressionVariable } from '../../structured-expressions.js';
import type { ExpressionCompiler } from './claims.js';

const claims: ExpressionVariable = { name: 'claims', type: mapType(stringType, dynType) };

const texts = listType(stringType);
const [userType, userStruct] = declareStruct('kubernetes.UserInfo', {
  username: stringType,
  uid: stringType,
  groups: texts,
  extra: mapType(stringType, texts),
});
const user: ExpressionVariable = {
  name: 'user',
  type: userType,
  structs: (name) => (name === userType.name ? userStruct : undefined),
};

const mustBeBool = 'must evaluate to bool';

export const expressionCompiler: ExpressionCompiler = {
  claims: (text) => compileExpression(text, claims),
  claimsRule: (text) => compileExpression(text, claims, { mustBeBool }),
  user: (text) => compileExpression(text, user, { mustBeBool }),
};
