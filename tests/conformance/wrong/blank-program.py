# problem: sum
# category: source
# why: only white space
# status: NO_CODE

 
	

