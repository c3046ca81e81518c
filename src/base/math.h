/* exp, log and cos of our own, in double, without fused operations: libm's differ between processors, and what depends on
 * them must not. Error below 2 ulp over the whole range; special values as C99. */
#ifndef RV_BASE_MATH_H
#define RV_BASE_MATH_H

double rv_exp(double x);
double rv_log_e(double x); /* natural logarithm */
double rv_cos_pi(double x); /* cos(pi x) for 0 <= x <= 1; error below 2^-52 */

#endif
