# problem: sum
# category: crashes
# why: imports a package that is not there
# status: RUNTIME_ERROR

import surely_not_installed_anywhere as s
print(s.total())
