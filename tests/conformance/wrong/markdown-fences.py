# problem: fibonacci
# category: source
# why: the code still stands in a Markdown fence
# status: COMPILE_ERROR

```python
def fibonacci(n):
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a
```
