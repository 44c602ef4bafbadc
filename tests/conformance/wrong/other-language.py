# problem: sum
# category: source
# why: C instead of Python
# status: COMPILE_ERROR

#include <stdio.h>
int main(void) { long long n, s = 0, x; scanf("%lld", &n); while (n--) { scanf("%lld", &x); s += x; } printf("%lld\n", s); }
